"""What a schema cannot say of this contract, told to the generator.

Cursors are made by the server and signed: a made-up one is text, yet refused. So none is made up where a request is meant to
be accepted; the made-up ones are sent where it is meant to be refused. A range of days begins before it ends. Days and instants are those that the platform knows.
A text that is well formed rarely names something that is there: some operations get a body that fits the demo's data every
third time, so that their answers are held against the document, too, and not their refusals alone.
"""

from collections import defaultdict
from datetime import date, datetime
from itertools import count
from os import getpid

import schemathesis
from hypothesis import strategies as st

schemathesis.openapi.format("date", st.dates(date(1970, 1, 1), date(2999, 12, 31)).map(str))
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2999, 12, 31))
schemathesis.openapi.format("date-time", INSTANTS.map(lambda at: at.strftime("%Y-%m-%dT%H:%M:%SZ")))


NUMBERS = defaultdict(lambda: count(1))
# What answers told on the way: the agreement in force (publishing another one replaces it), the engine's clock, a position to
# redeem from, one with a term, tokens to be revoked.
AGREEMENT = ["2025-11"]
CLOCK = {"day": "2026-01-01", "now": "2026-01-01T00:00:00Z"}
POSITION = ["1"]
TERM = ["1"]
TOKENS = ["1"]
NETWORK = ["fits"]
PLANNED = ["solana"]
MOVEMENT = ["0"]
PROPOSAL = ["1"]
# The public keys of RFC 8032's first three tests.
KEYS = [
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
]
RATES = [{"from": "2026-01-01", "rate": "0.05"}]
# References and ids are taken for ever, and every sender is a process of its own.
OWN = getpid()


def moved(n):
    return {"customer": "alice", "asset": "SOL", "account": "spot", "amount": "0.01", "reference": f"fits-{OWN}-{n}"}


def network(n):
    terms = {"unbonding_seconds": 60, "earned_at_most": "0.5", "slashed_at_most": "0.1"}
    named = {"name": f"fits-{OWN}-{n}", "chain_id": f"chain-{OWN}-{n}"}
    return {**named, "coins": [{"asset": "SOL", "denomination": "lamport"}], **terms}


def policy(n):
    needed = {"none_below": "0", "people": 1}
    kinds = ("top_up", "delegate", "undelegate", "cancel_undelegation", "redelegate", "claim")
    return {
        "validators": [{"validator": "one", "weight": 1, "cap": "1"}], "buffer_low": "0", "buffer_target": "0.1", "buffer_high": "0.2",
        "gas_reserve": "0.1", "order_min": "0.1", "claim_above": "1", "claim_days": n % 30 + 1, "entries_max": 7, "commission_max": "0.1",
        "fee_max": "0.01", "order_life_seconds": 86400, "halted_after_seconds": 3600, "redelegates": True, "cancels": False,
        "approvals": {**{kind: needed for kind in kinds}, "sweep_one_below": "1"},
    }


# Of a request that fits: what its path names, and its body.
FITTING = {
    "agreement_publish": lambda n: (None, {"version": f"fits-{OWN}-{n}", "text": "Words."}),
    "agreement_version_get": lambda n: ({"version": AGREEMENT[0]}, None),
    "asset_create": lambda n: (None, {"symbol": f"FIT{n}", "name": "Fits", "decimals": 9, "display_decimals": 4}),
    "attestation_create": lambda n: (None, {"asset": "SOL", "amount": "1", "at": CLOCK["now"], "movement": MOVEMENT[0]}),
    "clock_move": lambda n: (None, {"to": CLOCK["now"]}),
    "commission_get": lambda n: ({"id": "SOL"}, None),
    "customer_create": lambda n: (None, {"id": f"fits-{OWN}-{n}"}),
    "customer_get": lambda n: ({"id": "alice"}, None),
    "deposit_create": lambda n: (None, moved(n)),
    "earning_get": lambda n: ({"id": "SOL"}, None),
    "estimate_get": lambda n: ({"id": "sol-flex"}, None),
    "network_create": lambda n: (None, network(n)),
    "network_get": lambda n: ({"id": NETWORK[0]}, None),
    "network_yield_set": lambda n: ({"id": NETWORK[0]}, {"commission": "0.1", "undistributed_days": 365}),
    "office_take": lambda n: ({"id": NETWORK[0]}, {"agent": f"fits-{n}"}),
    "order_list": lambda n: ({"id": NETWORK[0]}, None),
    "order_list_due": lambda n: ({"id": NETWORK[0]}, None),
    "password_set": lambda n: ({"id": "alice"}, {"password": f"fits for a while {n}"}),
    "person_create": lambda n: (None, {"name": f"fits-{n}", "public_key": KEYS[n // 3 % 2]}),
    "plan_get": lambda n: ({"id": NETWORK[0]}, None),
    # Another network of the same coin has none: the first one that gets a policy keeps it.
    "policy_get": lambda n: ({"id": NETWORK[0]}, None),
    "policy_set": lambda n: ({"id": PLANNED[0] if PLANNED else NETWORK[0]}, policy(n)),
    "position_change": lambda n: ({"id": TERM[0]}, {"auto_renew": False}),
    "position_get": lambda n: ({"id": POSITION[0]}, None),
    "product_change": lambda n: ({"id": "sol-flex"}, {"name": f"Fits {n}"}),
    "product_create": lambda n: (None, {"id": f"fits-{OWN}-{n}", "asset": "SOL", "name": "Fits", "kind": "flexible", "rates": RATES}),
    "product_get": lambda n: ({"id": "sol-flex"}, None),
    "product_status_set": lambda n: ({"id": "sol-flex"}, {"status": "open"}),
    "proposal_create": lambda n: (None, {"matter": {"kind": "register_person", "name": f"fits-{n}", "public_key": KEYS[2]}}),
    "proposal_get": lambda n: ({"id": PROPOSAL[0]}, None),
    "queue_change": lambda n: ({"asset": "SOL"}, {"allowance": "1"}),
    "queue_get": lambda n: ({"asset": "SOL"}, None),
    "rate_announce": lambda n: ({"id": "sol-flex"}, {"from": "2999-12-31", "rate": "0.05"}),
    "rate_list": lambda n: ({"id": "sol-flex"}, None),
    "rate_settle": lambda n: ({"id": "btc-flex"}, {"day": CLOCK["day"], "rate": "0.0001"}),
    "redemption_create": lambda n: ({"id": POSITION[0]}, {"amount": "0.001"}),
    "redemption_preview": lambda n: ({"id": POSITION[0]}, {"amount": "0.001"}),
    "reserve_get": lambda n: ({"id": "SOL"}, None),
    "reserve_move": lambda n: ({"id": "SOL"}, {"amount": "0.001", "kind": "fund", "side": "reward_pool"}),
    "reward_pool_move": lambda n: (None, {"asset": "SOL", "amount": "0.01", "kind": "fund"}),
    "second_factor_remove": lambda n: ({"id": "alice"}, None),
    "sign_in_link_create": lambda n: ({"id": "alice"}, {}),
    "staking_get": lambda n: ({"asset": "SOL"}, None),
    "subscription_create": lambda n: (None, {"product": "sol-flex", "amount": "0.01", "source": "funding_then_spot", "agreement": AGREEMENT[0]}),
    "subscription_preview": lambda n: (None, {"product": "sol-flex", "amount": "0.01"}),
    "token_create": lambda n: (None, {"name": f"fits-{n}", "role": "auditor"}),
    "token_revoke": lambda n: ({"id": TOKENS[-1]}, None),
    "transfer_create": lambda n: (None, {"asset": "SOL", "from": "spot", "to": "funding", "amount": "0.01"}),
    "validator_list": lambda n: ({"id": NETWORK[0]}, None),
    "withdrawal_create": lambda n: (None, moved(n)),
}


@schemathesis.hook
def map_case(context, case):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return case
    if case.query:
        case.query.pop("cursor", None)
        # No day lies between a day and an earlier one: a schema cannot say so.
        first, last = case.query.get("from"), case.query.get("to")
        if isinstance(first, str) and isinstance(last, str) and first > last:
            case.query.update({"from": last, "to": first})
    operation = case.operation.definition.raw.get("operationId")
    if operation in FITTING:
        number = next(NUMBERS[operation])
        if number % 3 == 0:
            named, body = FITTING[operation](number)
            if named:
                case.path_parameters.update(named)
            if body is not None:
                case.body = body
            # Made-up keys are short and come again with another request, which is refused for that alone.
            if case.headers and "Idempotency-Key" in case.headers:
                case.headers["Idempotency-Key"] = f"fits-{OWN}-{operation}-{number}"
    return case


@schemathesis.hook
def after_call(context, case, response):
    operation = case.operation.definition.raw.get("operationId")
    if response.status_code not in (200, 201):
        return
    if operation == "agreement_publish":
        AGREEMENT[0] = response.json()["version"]
    if operation == "clock_get":
        CLOCK.update(response.json())
    if operation == "deposit_create":
        MOVEMENT[0] = response.json()["id"]
    if operation == "network_create":
        NETWORK[0] = response.json()["network"]
    if operation == "policy_set":
        PLANNED[:] = [response.json()["network"]]
    if operation == "proposal_create":
        PROPOSAL[0] = response.json()["proposal_id"]
    if operation == "position_list":
        TERM[:] = [each["id"] for each in response.json()["items"] if each["kind"] == "fixed_term" and each["state"] == "active"][:1] or TERM
    if operation == "subscription_create":
        POSITION[0] = response.json()["position"]["id"]
    if operation == "token_create":
        TOKENS.append(response.json()["id"])
    if operation == "token_revoke" and len(TOKENS) > 1:
        TOKENS.pop()
