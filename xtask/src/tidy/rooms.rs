//! The rooms of the house, as data: what each holds and what it may lead to. `docs/ARCHITECTURE.md` shows a printed copy.
//!
//! A room is a module at the top of its crate. An arrow that is not in the table is an arrow up, and no crate may have a circle of
//! files, whether it has rooms or not.

use super::graph::{self, Graph, Module};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// A module at the top of a crate.
struct Room {
    name: &'static str,
    holds: &'static str,
    /// The other rooms that its files may name.
    may: &'static [&'static str],
    /// Whether its files stand apart: none names another, but those that all of them share.
    apart: bool,
}

/// A crate with its rooms, from the ground up.
struct House {
    member: &'static str,
    rooms: &'static [Room],
}

const fn room(name: &'static str, holds: &'static str, may: &'static [&'static str]) -> Room {
    Room { name, holds, may, apart: false }
}

/// A room whose files stand apart.
const fn apart(name: &'static str, holds: &'static str, may: &'static [&'static str]) -> Room {
    Room { name, holds, may, apart: true }
}

/// What the files of a room that stand apart may share.
const SHARED: [&str; 2] = ["state", "words"];

/// The ground of the core: its modules may name each other, as far as no circle comes of it.
const GROUND: &[&str] = &["pieces", "money", "calendar", "id", "limits"];

/// Every crate whose rooms are fixed.
const HOUSES: [House; 3] = [
    House {
        member: "crates/usance-core",
        rooms: &[
            room("limits", "every bound", GROUND),
            room("pieces", "columns and maps that grow in pieces, shared copy-on-write; numbers packed for them", GROUND),
            room("money", "amounts, balances, rates: grammar, text, every division", GROUND),
            room("calendar", "instants, days, what a day is, value date, maturity", GROUND),
            room("id", "inside numbers, log positions, hashes", GROUND),
            room("person", "people with their keys, proposals, what is signed", GROUND),
            room("ledger", "chart of accounts, balanced journal entries, control accounts", GROUND),
            room("product", "terms, status, availability, rates, limits", &["ledger", "pieces", "money", "calendar", "id", "limits"]),
            room(
                "position",
                "two packed columns; the one table of transitions",
                &["product", "ledger", "pieces", "money", "calendar", "id", "limits"],
            ),
            room(
                "reward",
                "what a position earns, what an exit costs, a position's days again",
                &["position", "product", "ledger", "pieces", "money", "calendar", "id", "limits"],
            ),
            room(
                "treasury",
                "networks, pictures and how one becomes the next, what is covered, policy, plan and orders",
                &["ledger", "person", "pieces", "money", "calendar", "id", "limits"],
            ),
            room(
                "machine",
                "commands, events, state; decide, apply, close, post; what is shown and derived",
                &["treasury", "reward", "position", "product", "ledger", "person", "pieces", "money", "calendar", "id", "limits"],
            ),
            room(
                "audit",
                "every invariant as a function",
                &["machine", "reward", "position", "product", "ledger", "pieces", "money", "calendar", "id", "limits"],
            ),
        ],
    },
    House {
        member: "crates/usance-engine",
        rooms: &[
            room("unavailable", "why the engine cannot answer now", &[]),
            room("life", "start, follow, take over, write, live, workers, clock, pool", &["unavailable"]),
            room("caller", "who acts, for whom; what a role may", &[]),
            room("once", "what makes a write the same write: key and fingerprint", &["caller"]),
            room("refusal", "why an operation was not carried out", &["once", "unavailable"]),
            room("submit", "a command in, its durable answer out", &["life", "unavailable", "caller", "once", "refusal"]),
            room("read", "one moment of the state, and what history needs of it", &["life", "unavailable"]),
            room("lines", "a customer's past, line by line", &["life", "read", "refusal", "unavailable"]),
            room(
                "people",
                "who may come in: the stored identities, and a write among them that happens once",
                &["life", "refusal", "submit"],
            ),
            apart(
                "operations",
                "one use case a function, one noun a file: from caller, key and typed request to typed answer or refusal",
                &["submit", "read", "lines", "caller", "once", "refusal", "unavailable", "life", "people"],
            ),
            room("rights", "every right in one table", &["caller", "operations"]),
        ],
    },
    House {
        member: "crates/usance-server",
        rooms: &[
            room("wire", "connections, admission, bodies, input, problems, pages of a list: what is the same for JSON and for pages", &[]),
            room("auth", "tokens, sessions, devices, attempts, rates: from a request to a caller", &["wire"]),
            room("app", "what every handler can reach", &["wire", "auth"]),
            room("json", "shapes and handlers of the contract", &["wire", "auth", "app"]),
            room(
                "contract",
                "the one table: method, path, operation, permission, shapes; OpenAPI from it",
                &["wire", "auth", "app", "json"],
            ),
            room("look", "format, words, chart, files: how things look", &[]),
            room("pages", "the customers' app, one file a page", &["wire", "auth", "app", "json", "look"]),
            room("site", "puts the rooms together: router, guards, door", &["wire", "auth", "app", "json", "contract", "look", "pages"]),
            room("cli", "what can be typed", &["wire", "auth", "app", "json", "contract", "site"]),
        ],
    },
];

/// Crates without fixed rooms: no circle of files is asked of them, too.
const OTHERS: [&str; 5] = ["crates/usance-sim", "crates/usance-soak", "crates/usance-store", "crates/usance-workload", "xtask"];

/// Where the printed copy begins and ends.
const BEGINS: &str = "<!-- rooms: printed by `cargo xtask tidy --print-rooms` -->\n";
const ENDS: &str = "<!-- end of rooms -->";

/// Names every circle of files, every arrow up, and a printed copy that is not this table.
pub fn check(root: &Path, breaches: &mut Vec<String>) -> anyhow::Result<()> {
    for house in &HOUSES {
        for graph in graphs(&root.join(house.member))? {
            circles(house.member, &graph, breaches);
            arrows(house, &graph, breaches);
        }
    }
    for member in OTHERS {
        for graph in graphs(&root.join(member))? {
            circles(member, &graph, breaches);
        }
    }
    let map = std::fs::read_to_string(root.join("docs/ARCHITECTURE.md"))?;
    if !map.contains(&printed()) {
        breaches.push("docs/ARCHITECTURE.md does not show the rooms as they are: `cargo xtask tidy --print-rooms` prints them".to_owned());
    }
    Ok(())
}

/// The library of a crate and each of its programs that has files of its own.
fn graphs(member: &Path) -> anyhow::Result<Vec<Graph>> {
    let source = member.join("src");
    let mut roots: Vec<_> = ["lib.rs", "main.rs"].iter().map(|name| source.join(name)).filter(|path| path.is_file()).collect();
    if let Ok(programs) = std::fs::read_dir(source.join("bin")) {
        for program in programs {
            let main = program?.path().join("main.rs");
            roots.extend(main.is_file().then_some(main));
        }
    }
    roots.iter().map(|root| graph::read(root)).collect()
}

fn circles(member: &str, graph: &Graph, breaches: &mut Vec<String>) {
    for circle in graph.circles() {
        let lines = circle.iter().map(|module| {
            let leads_to = graph.arrows[module].iter().filter(|to| circle.contains(to)).map(|to| graph.name(to));
            format!("\n    {} -> {}", graph.name(module), leads_to.collect::<Vec<_>>().join(", "))
        });
        breaches.push(format!("{member} has a circle of {} files:{}", circle.len(), lines.collect::<String>()));
    }
}

fn arrows(house: &House, graph: &Graph, breaches: &mut Vec<String>) {
    // A program beside the library has no rooms.
    let Some(top) = graph.files.get(&Module::new()).filter(|root| root.ends_with("lib.rs")) else { return };
    let there: BTreeSet<&str> = graph.files.keys().filter_map(|module| module.first().map(String::as_str)).collect();
    let known: BTreeSet<&str> = house.rooms.iter().map(|room| room.name).collect();
    breaches.extend(there.difference(&known).map(|name| format!("{}: {name} is no room of {}", house.member, top.display())));
    breaches.extend(known.difference(&there).map(|name| format!("{}: the room {name} is not there", house.member)));
    for (from, leads_to) in &graph.arrows {
        let Some(room) = from.first().and_then(|name| house.rooms.iter().find(|room| room.name == name)) else { continue };
        for to in leads_to {
            let is_own = to.first().is_some_and(|name| name == room.name);
            let is_shared = to.get(1).is_none_or(|file| SHARED.contains(&file.as_str()));
            let fits = if is_own { !room.apart || is_shared } else { to.first().is_some_and(|name| room.may.contains(&name.as_str())) };
            if !fits {
                let (from, to) = (graph.name(from), graph.name(to));
                breaches.push(format!("{}: {from} may not lead to {to}", house.member));
            }
        }
    }
}

/// The table as the map of the house shows it.
pub fn printed() -> String {
    let mut text = BEGINS.to_owned();
    for house in &HOUSES {
        let name = house.member.trim_start_matches("crates/");
        let _ = write!(text, "\n`{name}`\n\n| room | holds | may lead to |\n|---|---|---|\n");
        for room in house.rooms {
            let may: Vec<&str> = room.may.iter().copied().filter(|other| *other != room.name).collect();
            let may = if may.is_empty() { "-".to_owned() } else { may.join(", ") };
            let _ = writeln!(text, "| `{}` | {} | {may} |", room.name, room.holds);
        }
    }
    text + "\n" + ENDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_leads_only_to_rooms_that_are_there() {
        for house in &HOUSES {
            let known: BTreeSet<&str> = house.rooms.iter().map(|room| room.name).collect();
            assert_eq!(known.len(), house.rooms.len(), "{}", house.member);
            for room in house.rooms {
                assert!(room.may.iter().all(|other| known.contains(other)), "{} of {}", room.name, house.member);
            }
        }
    }

    #[test]
    fn this_crate_is_read_and_its_arrows_are_seen() {
        let graphs = graphs(Path::new(env!("CARGO_MANIFEST_DIR"))).expect("this crate");
        let module = |path: &[&str]| path.iter().map(|part| (*part).to_owned()).collect::<Module>();
        assert!(graphs[0].arrows[&module(&["tidy", "rooms"])].contains(&module(&["tidy", "graph"])));
    }
}
