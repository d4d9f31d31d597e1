//! The balances that every day has rows of, against the machine's own.

use std::collections::BTreeMap;

use usance_core::ledger::LedgerAccount;
use usance_core::machine::State;
use usance_workload::SplitMix64;

use super::super::world::{SEEDS, Size};
use super::{Place, Tables, told};

type Rows = Vec<Vec<String>>;

/// What the rows of one day should be, in the order of their key.
fn expected_books(control: &[usance_core::ledger::ControlAccounts]) -> Rows {
    let mut rows = Vec::new();
    for (asset, control) in control.iter().enumerate() {
        // A treasury's accounts have rows from their first entry on; one that stands at nothing says nothing.
        let has_rows = |account: &LedgerAccount| account.is_of_every_asset() || control.balance(*account).units() != 0;
        let mut accounts: Vec<LedgerAccount> = LedgerAccount::ALL.into_iter().filter(has_rows).collect();
        accounts.sort_by_key(|account| account.name());
        let row = |account: LedgerAccount| vec![asset.to_string(), account.name().to_owned(), control.balance(account).units().to_string()];
        rows.extend(accounts.into_iter().map(row));
    }
    rows
}

/// Rows of books without those of a treasury's accounts that stand at nothing.
fn saying(rows: Rows) -> Rows {
    let of = |name: &str| LedgerAccount::ALL.into_iter().find(|account| account.name() == name).expect("an account");
    rows.into_iter().filter(|row| row[2] != "0" || of(&row[1]).is_of_every_asset()).collect()
}

fn expected_staked(state: &State) -> Rows {
    let products = state.registry.products.iter().enumerate();
    products.map(|(number, product)| vec![number.to_string(), product.staked.units().to_string()]).collect()
}

#[test]
fn balances_of_the_open_day_are_the_machines_at_every_stop() {
    let tables = Tables::new(Place::a_server, Size::usual(4));
    let (mut projector, mut dice) = (tables.projector(), SplitMix64::new(4));
    while projector.reached().seq() < tables.world.head.seq {
        projector.step(&tables.log, 1 + dice.below(9) as usize).unwrap();
        let (head, state) = &tables.world.views[projector.reached().seq() as usize - 1];
        let progress = told(tables.server(), "SELECT open_day, extract(epoch FROM at) * 1000, encode(hash, 'hex') FROM progress");
        let hash: String = head.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let [open_day, at, shown] = &progress[0][..] else { unreachable!() };
        let at = at.split('.').next().unwrap();
        assert_eq!([open_day.as_str(), at, shown.as_str()], [&*state.registry.open_day.to_string(), &*head.at_ms.to_string(), &*hash]);
        let books = "SELECT asset, account, balance FROM books, progress WHERE day = open_day ORDER BY asset, account COLLATE \"C\"";
        assert_eq!(saying(told(tables.server(), books)), expected_books(&state.registry.control));
        let staked = "SELECT product, principal FROM staked, progress WHERE day = open_day ORDER BY product";
        assert_eq!(told(tables.server(), staked), expected_staked(state));
    }
}

#[test]
fn balances_of_closed_days_stay_the_machines() {
    for seed in SEEDS {
        let tables = Tables::full(Place::a_server, Size::usual(seed));
        let registry = &tables.world.state.registry;
        let sql = "SELECT day, asset, account, balance FROM books ORDER BY day, asset, account COLLATE \"C\"";
        let mut found: BTreeMap<String, Rows> = BTreeMap::new();
        for mut row in told(tables.server(), sql) {
            let day = row.remove(0);
            found.entry(day).or_default().push(row);
        }
        let mut found: BTreeMap<String, Rows> = found.into_iter().map(|(day, rows)| (day, saying(rows))).collect();
        assert_eq!(found.remove(&registry.open_day.to_string()), Some(expected_books(&registry.control)));
        for (day, books) in &registry.books {
            let control: Vec<_> = books.iter().map(|books| books.control).collect();
            assert_eq!(found.remove(&day.to_string()), Some(expected_books(&control)), "{day}");
        }
        assert!(found.is_empty() && registry.books.len() >= 60);

        // What is staked in the products of an asset is what the asset's books say, on every day.
        let differing = "SELECT day, asset FROM books LEFT JOIN
                (SELECT day, asset, sum(principal) AS principal FROM staked JOIN products ON number = product GROUP BY day, asset) AS sums
                USING (day, asset)
            WHERE account = 'customer_principal' AND balance <> coalesce(principal, 0)";
        assert_eq!(told(tables.server(), differing), Rows::new());
        let days = told(tables.server(), "SELECT count(DISTINCT day) FROM staked");
        assert_eq!(days, [[(registry.books.len() + 1).to_string()]]);
    }
}
