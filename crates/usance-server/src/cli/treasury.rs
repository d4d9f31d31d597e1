//! `usance treasury`: a treasury that people run by hand or by a script: networks, pictures, attestations, top-ups and sweeps, the policy and
//! orders.

use crate::cli::output::Output;
use crate::cli::person::{proposed, say};
use crate::cli::remote::{Remote, RemoteFlags};
use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Run a treasury by hand: say what networks show, what the wallet holds, and what went between them.
///
/// What moves coins to a new place takes two people: those verbs make a proposal, and `usance approve` signs it.
#[derive(Args)]
pub struct TreasuryVerbs {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    remote: RemoteFlags,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Verb {
    /// Add a network: its name, chain id, coins and bounds.
    Add {
        /// A file with the body of POST /v1/operator/treasury/networks; - reads it from standard input.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Show networks: places by the books, differences, what is under way, the number of the next picture.
    Show {
        /// One network; all of them when it is left out.
        network: Option<String>,
    },
    /// Propose an address of the treasury.
    Address {
        /// The network's name.
        network: String,
        /// As the network writes it.
        address: String,
    },
    /// Propose where coins may be swept to.
    Destination {
        /// The network's name.
        network: String,
        /// As the network writes it.
        address: String,
        /// What a transfer has to say beside it.
        #[arg(long, default_value = "")]
        memo: String,
    },
    /// Say what a network finally shows.
    Observe {
        /// The network's name.
        network: String,
        /// A file with the picture; - reads it from standard input.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
    /// Propose to confirm the picture that is kept aside. The first one begins the treasury.
    Confirm {
        /// The network's name.
        network: String,
    },
    /// Propose what a difference was.
    Explain {
        /// The network's name.
        network: String,
        /// The difference's number.
        difference: u64,
        /// What it was.
        #[arg(long)]
        was: WasFlag,
    },
    /// Say what the wallet holds of an asset, now and with every movement so far unless it is said otherwise.
    Attest {
        /// The asset's symbol.
        asset: String,
        /// How much.
        amount: String,
        /// When it was so: RFC 3339.
        #[arg(long, value_name = "INSTANT")]
        at: Option<String>,
        /// The last movement that is in it.
        #[arg(long, value_name = "NUMBER")]
        movement: Option<u64>,
    },
    /// Say that the wallet sent coins to the treasury.
    TopUp {
        /// The network's name.
        network: String,
        /// To which of the treasury's addresses.
        address: String,
        /// The asset's symbol.
        asset: String,
        /// How much.
        amount: String,
        /// The hash of the transaction.
        #[arg(long, value_name = "HASH")]
        hash: String,
        /// The number of the order that it does.
        #[arg(long, value_name = "NUMBER")]
        order: Option<u64>,
    },
    /// Say that coins of the treasury came to the wallet.
    Sweep {
        /// The network's name.
        network: String,
        /// The hash of the transaction.
        #[arg(long, value_name = "HASH")]
        hash: String,
    },
    /// Show what can be withdrawn, and what is there for it.
    Coverage,
    /// Show what is allowed on a network, or with --file say it; the plan that follows is made at once.
    Policy {
        /// The network's name.
        network: String,
        /// A file with the policy; - reads it from standard input.
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Show a network's orders that are not over: what is to be signed, and what is to be done.
    Orders {
        /// The network's name.
        network: String,
        /// Those that are over, too.
        #[arg(long)]
        all: bool,
    },
    /// Say which transaction does an order by hand. It books nothing: a later picture has to show the transaction.
    Done {
        /// The network's name.
        network: String,
        /// The order's number.
        order: u64,
        /// The hash of the transaction.
        #[arg(long, value_name = "HASH")]
        hash: String,
    },
    /// Set the commission on what a network pays for customers, and how long that may stay undistributed.
    Yield {
        /// The network's name.
        network: String,
        /// The part of the customers' share that the platform keeps: 0 to 1.
        #[arg(long, value_name = "RATE")]
        commission: String,
        /// After how many days what no customer got passes to the reward pool.
        #[arg(long, value_name = "DAYS", default_value_t = usance_core::limits::UNDISTRIBUTED_DAYS)]
        undistributed_days: u32,
    },
    /// Show what networks paid of an asset day by day, from gross to net, and the rates that come of it.
    Earnings {
        /// The asset's symbol.
        asset: String,
    },
    /// Show what is set aside for losses; or set something aside, or take it back.
    Reserve {
        /// The asset's symbol.
        asset: String,
        /// Set so much aside.
        #[arg(long, value_name = "AMOUNT", conflicts_with = "withdraw")]
        fund: Option<String>,
        /// Take so much back.
        #[arg(long, value_name = "AMOUNT")]
        withdraw: Option<String>,
        /// Where it comes from, or goes to.
        #[arg(long, default_value = "reward-pool")]
        side: SideFlag,
    },
    /// Show what networks took, who bears it and what came back.
    Losses {
        /// Only of this asset.
        #[arg(long, value_name = "SYMBOL")]
        asset: Option<String>,
    },
    /// Propose who bears a loss: together all of it. With --preview it only says what it would come to.
    Allocate {
        /// The loss's number.
        loss: u64,
        /// What was set aside for losses bears.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        reserve: String,
        /// The commission bears.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        commission: String,
        /// The reward pool bears.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        pool: String,
        /// Customers of products whose slashing is shared bear.
        #[arg(long, value_name = "AMOUNT", default_value = "0")]
        customers: String,
        /// Propose nothing.
        #[arg(long)]
        preview: bool,
    },
    /// Propose that something of a loss came back: to the treasury, as a difference, or to the wallet.
    Recover {
        /// The loss's number.
        loss: u64,
        /// How much.
        amount: String,
        /// The difference on the loss's network that it is; left out where the coins came to the wallet.
        #[arg(long, value_name = "NUMBER")]
        difference: Option<u64>,
    },
    /// Show the commission on what networks paid; or take some out.
    Commission {
        /// The asset's symbol.
        asset: String,
        /// Take so much out.
        #[arg(long, value_name = "AMOUNT")]
        withdraw: Option<String>,
    },
}

/// The other side of a movement of the loss reserve, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum SideFlag {
    /// The reward pool: no coin moves.
    RewardPool,
    /// The exchange's wallet.
    Custody,
}

impl SideFlag {
    const fn word(self) -> &'static str {
        match self {
            SideFlag::RewardPool => "reward_pool",
            SideFlag::Custody => "custody",
        }
    }
}

/// What a difference was, as it is typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum WasFlag {
    /// Coins that are ours now, from elsewhere than staking.
    OtherIncome,
    /// Coins that are gone.
    Loss,
    /// What something cost.
    Fee,
    /// A transaction that nobody ordered and that is known all the same: what it did is booked already.
    Known,
}

impl WasFlag {
    const fn word(self) -> &'static str {
        match self {
            WasFlag::OtherIncome => "other_income",
            WasFlag::Loss => "loss",
            WasFlag::Fee => "fee",
            WasFlag::Known => "known",
        }
    }
}

const NETWORKS: &str = "/v1/operator/treasury/networks";
const ASSETS: &str = "/v1/operator/treasury/assets";
const LOSSES: &str = "/v1/operator/treasury/losses";
const COVERAGE: &str = "/v1/operator/treasury/coverage";

impl TreasuryVerbs {
    /// Whether JSON was asked for.
    #[must_use]
    pub const fn json(&self) -> bool {
        self.json
    }
}

/// Runs the verb.
///
/// # Errors
/// With a sentence: a file that cannot be read, or as the server answers.
pub fn run(verbs: &TreasuryVerbs) -> anyhow::Result<ExitCode> {
    let (remote, output) = (verbs.remote.open()?, Output { json: verbs.json });
    let propose = |matter: Value| -> anyhow::Result<()> {
        proposed(output, &remote.post("/v1/operator/proposals", &json!({"matter": matter}))?);
        Ok(())
    };
    match &verbs.verb {
        Verb::Add { file } => {
            let told = remote.post(NETWORKS, &read(file)?)?;
            say(output, &told, &format!("{} is a network of the treasury", word(&told, "network")));
        }
        Verb::Show { network } => show(&remote, network.as_deref(), output)?,
        Verb::Address { network, address } => propose(json!({"kind": "add_treasury_address", "network": network, "address": address}))?,
        Verb::Destination { network, address, memo } => {
            propose(json!({"kind": "add_destination", "network": network, "address": address, "memo": memo}))?;
        }
        Verb::Observe { network, file } => {
            let told = remote.post(&format!("{NETWORKS}/{network}/pictures"), &read(file)?)?;
            say(output, &told, &picture_told(&told));
        }
        Verb::Confirm { network } => {
            let now = remote.get(&format!("{NETWORKS}/{network}"))?;
            let aside = now["aside"].as_object().with_context(|| format!("no picture of {network} is kept aside"))?;
            propose(
                json!({"kind": "confirm_picture", "network": network, "number": aside["number"].to_string(), "digest": aside["digest"]}),
            )?;
        }
        Verb::Explain { network, difference, was } => {
            let number = difference.to_string();
            propose(json!({"kind": "explain_difference", "network": network, "number": number, "was": was.word()}))?;
        }
        Verb::Attest { asset, amount, at, movement } => {
            let (at, movement) = when(&remote, asset, at.as_deref(), *movement)?;
            let body = json!({"asset": asset, "amount": amount, "at": at, "movement": movement});
            let told = remote.post("/v1/treasury/attestations", &body)?;
            let covered = told["covered"].as_str().map_or_else(String::new, |covered| format!("; {covered} are covered"));
            say(output, &told, &format!("{} {asset} are attested as of movement {movement}{covered}", word(&told, "amount")));
        }
        Verb::TopUp { network, address, asset, amount, hash, order } => {
            let mut body = json!({"network": network, "address": address, "asset": asset, "amount": amount, "hash": hash});
            if let Some(order) = order {
                body["order"] = json!(order.to_string());
            }
            moved(output, &remote.post("/v1/treasury/top-ups", &body)?);
        }
        Verb::Sweep { network, hash } => moved(output, &remote.post("/v1/treasury/sweeps", &json!({"network": network, "hash": hash}))?),
        Verb::Policy { network, file: None } => show_policy(output, &remote.get(&format!("{NETWORKS}/{network}/policy"))?),
        Verb::Policy { network, file: Some(file) } => {
            let told = remote.post(&format!("{NETWORKS}/{network}/policy"), &read(file)?)?;
            say(output, &told, &format!("policy {} of {network} is in force", told["version"]));
        }
        Verb::Orders { network, all } => orders(&remote, network, *all, output)?,
        Verb::Done { network, order, hash } => {
            let told = remote.post(&format!("/v1/treasury/{network}/orders/{order}/done"), &json!({"hash": hash}))?;
            say(output, &told, &format!("order {order} of {network} is {}: a picture has to show {hash}", word(&told, "standing")));
        }
        Verb::Coverage => {
            let lines = remote.list(COVERAGE)?;
            say(output, &json!(lines), if lines.is_empty() { "no network has a coin yet" } else { "" });
            if !output.json {
                lines.iter().for_each(|line| println!("{}", coverage_line(line)));
            }
        }
        Verb::Yield { network, commission, undistributed_days } => {
            let body = json!({"commission": commission, "undistributed_days": undistributed_days});
            let told = remote.post(&format!("{NETWORKS}/{network}/yield"), &body)?;
            let words = format!(
                "{commission} of what {network} pays for customers is the platform's; what none got passes to the reward pool after {undistributed_days} days"
            );
            say(output, &told, &words);
        }
        Verb::Earnings { asset } => earnings(&remote.get(&format!("{ASSETS}/{asset}/rates"))?, output),
        Verb::Reserve { asset, fund, withdraw, side } => {
            let moved = fund.as_ref().map(|amount| ("fund", amount)).or(withdraw.as_ref().map(|amount| ("withdraw", amount)));
            let path = format!("{ASSETS}/{asset}/reserve");
            let told = match moved {
                Some((kind, amount)) => remote.post(&path, &json!({"kind": kind, "amount": amount, "side": side.word()}))?,
                None => remote.get(&path)?,
            };
            say(output, &told, &format!("{} {asset} are set aside for losses", word(&told, "balance")));
        }
        Verb::Losses { asset } => {
            let path = asset.as_ref().map_or_else(|| LOSSES.to_owned(), |asset| format!("{LOSSES}?asset={asset}"));
            let losses = remote.list(&path)?;
            say(output, &json!(losses), if losses.is_empty() { "no network has taken anything" } else { "" });
            if !output.json {
                losses.iter().for_each(|loss| println!("{}", loss_line(loss)));
            }
        }
        Verb::Allocate { loss, reserve, commission, pool, customers, preview } => {
            let mut shares = json!({"loss_reserve": reserve, "commission_income": commission, "reward_pool": pool, "customers": customers});
            if *preview {
                let told = remote.post(&format!("{LOSSES}/{loss}/allocation-preview"), &shares)?;
                let lines = told["bearers"].as_array().into_iter().flatten().map(|one| {
                    format!("{} bears {}: {} -> {}", word(one, "account"), word(one, "share"), word(one, "before"), word(one, "after"))
                });
                let (share, most) = (word(&told, "customers"), word(&told, "customers_at_most"));
                let customers = format!("customers bear {share}, {most} at most");
                say(output, &told, &lines.chain([customers]).collect::<Vec<_>>().join("\n"));
            } else {
                let asset = remote.get(&format!("{LOSSES}/{loss}"))?["asset"].clone();
                (shares["kind"], shares["loss"], shares["asset"]) = (json!("allocate_loss"), json!(loss.to_string()), asset);
                propose(shares)?;
            }
        }
        Verb::Recover { loss, amount, difference } => {
            let asset = remote.get(&format!("{LOSSES}/{loss}"))?["asset"].clone();
            let mut matter = json!({"kind": "recover_loss", "loss": loss.to_string(), "asset": asset, "amount": amount});
            if let Some(difference) = difference {
                matter["difference"] = json!(difference.to_string());
            }
            propose(matter)?;
        }
        Verb::Commission { asset, withdraw } => {
            let path = format!("{ASSETS}/{asset}/commission");
            let told = match withdraw {
                Some(amount) => remote.post(&path, &json!({"amount": amount}))?,
                None => remote.get(&path)?,
            };
            say(output, &told, &format!("{} {asset} of commission are there", word(&told, "balance")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// A loss on one line.
fn loss_line(loss: &Value) -> String {
    let evidence = &loss["evidence"];
    let from = evidence["from"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| if word(one, "name").is_empty() { word(one, "validator") } else { word(one, "name") })
        .collect::<Vec<_>>()
        .join(", ");
    let cause = if from.is_empty() { format!("difference {}", word(evidence, "number")) } else { format!("a slash of {from}") };
    let (asset, amount) = (word(loss, "asset"), word(loss, "amount"));
    let shares = |of: &Value| {
        let each = ["loss_reserve", "commission_income", "reward_pool", "customers"].map(|account| (account, word(of, account)));
        let some: Vec<String> =
            each.iter().filter(|(_, share)| *share != "0").map(|(account, share)| format!("{account} {share}")).collect();
        if some.is_empty() { "nothing".to_owned() } else { some.join(", ") }
    };
    let end = if word(loss, "standing") == "open" {
        "nobody bears it yet".to_owned()
    } else {
        format!("borne by {}; came back: {}", shares(&loss["borne_by"]), shares(&loss["recovered"]))
    };
    format!("{:>4}  {}  {amount} {asset} on {} by {cause}: {end}", word(loss, "id"), word(loss, "found_at"), word(loss, "network"))
}

fn word<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

/// A file's JSON, or standard input's.
fn read(file: &Path) -> anyhow::Result<Value> {
    let text = if file == Path::new("-") { std::io::read_to_string(std::io::stdin()) } else { std::fs::read_to_string(file) };
    let text = text.with_context(|| format!("{} cannot be read", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

fn picture_told(told: &Value) -> String {
    let (network, number) = (word(told, "network"), &told["number"]);
    if told["counts"] == true {
        let differences = &told["differences"];
        return format!("picture {number} of {network} counts; {differences} differences wait for an explanation");
    }
    let aside = word(told, "aside");
    format!("picture {number} of {network} is kept aside ({aside}) until two people confirm it: usance treasury confirm {network}")
}

fn moved(output: Output, told: &Value) {
    let (amount, asset, movement) = (word(told, "amount"), word(told, "asset"), &told["movement"]);
    let way = if told["direction"] == "sweep" { "came to the wallet from" } else { "are on their way to" };
    say(output, told, &format!("{amount} {asset} {way} {}, movement {movement}", word(told, "network")));
}

/// The instant and the movement of an attestation: the engine's present and the last movement, unless they are said.
fn when(remote: &Remote, asset: &str, at: Option<&str>, movement: Option<u64>) -> anyhow::Result<(String, String)> {
    let at = match at {
        Some(at) => at.to_owned(),
        None => word(&remote.get("/v1/clock")?, "now").to_owned(),
    };
    if let Some(movement) = movement {
        return Ok((at, movement.to_string()));
    }
    let lines = remote.list(COVERAGE)?;
    let Some(line) = lines.iter().find(|line| line["asset"] == asset) else { bail!("{asset} is no coin of a network") };
    Ok((at, line["last_movement"].to_string()))
}

/// Days from gross to net, and the rates that came of them.
fn earnings(told: &Value, output: Output) {
    let (asset, of) = (word(told, "asset"), |name| word(told, name));
    let waits = format!("{} {asset} are undistributed, {} wait for the close of the day", of("undistributed"), of("waits"));
    say(output, told, &waits);
    if output.json {
        return;
    }
    for day in told["days"].as_array().into_iter().flatten() {
        let of = |name| word(day, name);
        let parts = format!("{} to the pool, {} commission, {} net", of("to_pool"), of("commission"), of("net"));
        println!("  {}  {} earned: {parts}; {} gross, {} net a year", of("day"), of("earned"), of("gross_rate"), of("net_rate"));
    }
    for (lines, what) in [("settled", "settled"), ("to_settle", "as things stand")] {
        for why in told[lines].as_array().into_iter().flatten() {
            let of = |name: &str| why[name].as_str().unwrap_or("-").to_owned();
            let trailing = why["trailing"]["rate"].as_str().unwrap_or("-");
            let reason = why["reason"].as_str().map_or_else(String::new, |reason| format!(", by an operator: {reason}"));
            let (product, day, rate, cap) = (of("product"), of("day"), of("rate"), of("cap"));
            println!("  {product} {day}: {rate} {what} (days before {trailing}, day before {}, cap {cap}{reason})", of("before"));
        }
    }
}

fn coverage_line(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
    let stale = if line["stale"] == true { ", the attestation is stale" } else { "" };
    format!("{}  custody {}, held {}, covered {}{stale}", text("asset"), text("custody"), text("held"), text("covered"))
}

/// A policy in a few lines; as JSON all of it, which `--file` takes again.
fn show_policy(output: Output, told: &Value) {
    let (network, policy) = (word(told, "network"), &told["policy"]);
    if policy.is_null() {
        return say(output, told, &format!("{network} has no policy: nothing is planned"));
    }
    say(output, told, &format!("policy {} of {network}", told["version"]));
    if output.json {
        return;
    }
    for one in policy["validators"].as_array().into_iter().flatten() {
        println!("  {}: weight {}, at most {} of what is staked", word(one, "validator"), one["weight"], word(one, "cap"));
    }
    policy["barred"].as_array().into_iter().flatten().filter_map(Value::as_str).for_each(|barred| println!("  {barred}: barred"));
    let of = |name| word(policy, name);
    println!("  buffer: low {}, target {}, high {}", of("buffer_low"), of("buffer_target"), of("buffer_high"));
    println!("  smallest order {}, fee at most {}, kept for fees {}", of("order_min"), of("fee_max"), of("gas_reserve"));
}

/// Orders of a network, oldest first.
fn orders(remote: &Remote, network: &str, all: bool, output: Output) -> anyhow::Result<()> {
    let mut orders = remote.list(&format!("{NETWORKS}/{network}/orders"))?;
    let is_over = |order: &Value| matches!(word(order, "standing"), "done" | "failed" | "expired" | "declined");
    orders.retain(|order| all || !is_over(order));
    orders.reverse();
    say(output, &json!(orders), if orders.is_empty() { "no order waits" } else { "" });
    if !output.json {
        orders.iter().for_each(|order| println!("{}", order_line(order)));
    }
    Ok(())
}

/// An order in a line.
pub(super) fn order_line(order: &Value) -> String {
    let of = |name| word(order, name);
    let named = ["validator", "started", "from", "to", "memo"].into_iter().filter(|name| !of(name).is_empty());
    let about: String = named.map(|name| format!(", {name} {}", of(name))).collect();
    let by = order["approved_by"].as_array().map_or(0, Vec::len);
    let hash = order["hash"].as_str().map_or_else(String::new, |hash| format!(", transaction {hash}"));
    let (number, kind, amount, asset, address) = (of("order_id"), of("kind"), of("amount"), of("asset"), of("address"));
    let (standing, needed, until) = (of("standing"), &order["needed"], of("expires_at"));
    format!("{number}  {kind} {amount} {asset}, address {address}{about}; {standing}, approved by {by} of {needed}, until {until}{hash}")
}

fn show(remote: &Remote, network: Option<&str>, output: Output) -> anyhow::Result<()> {
    let networks = match network {
        Some(name) => vec![remote.get(&format!("{NETWORKS}/{name}"))?],
        None => remote.list(NETWORKS)?,
    };
    say(output, &json!(networks), if networks.is_empty() { "no network yet" } else { "" });
    if output.json {
        return Ok(());
    }
    for one in &networks {
        println!("{} ({}), next picture {}", word(one, "name"), word(one, "chain_id"), one["next_picture"]);
        for places in one["places"].as_array().into_iter().flatten() {
            let of = |name| word(places, name);
            let (liquid, staked, unbonding) = (of("liquid"), of("staked"), of("unbonding"));
            let (claimable, in_transit) = (of("claimable"), of("in_transit"));
            let asset = of("asset");
            println!("  {asset}: liquid {liquid}, staked {staked}, unbonding {unbonding}, claimable {claimable}, in transit {in_transit}");
        }
        for difference in one["differences"].as_array().into_iter().flatten() {
            let of = |name| word(difference, name);
            let number = &difference["number"];
            println!("  difference {number}: {} {} {} ({})", of("amount"), of("asset"), of("place"), of("cause"));
        }
        if let Some(reason) = one["aside"]["aside"].as_str() {
            println!("  picture {} is kept aside: {reason}", one["aside"]["number"]);
        }
    }
    Ok(())
}
