//! Two people: who may sign, and what comes of what is signed (RULES 11).

use crate::driver::Engine;
use usance_core::calendar::Timestamp;
use usance_core::machine::state::ClockMode;
use usance_core::machine::verb::SignProposal;
use usance_core::machine::{Answer, Command, Event, Rejection};
use usance_core::person::proposal::{Matter, Standing, Verdict};
use usance_workload::Situation;
use usance_workload::people::{public_key_of, signed};

const HOUR_MS: i64 = 3_600_000;

/// People on a platform, hour by hour.
struct Scene {
    engine: Engine,
    now: Timestamp,
}

impl Scene {
    fn new() -> Scene {
        let engine = Engine::new(ClockMode::System, 0, Timestamp::from_ms(1_767_225_600_000));
        let now = engine.state.registry.last_at;
        Scene { engine, now }
    }
    fn later(&mut self, hours: i64) {
        self.now = Timestamp::from_ms(self.now.ms() + hours * HOUR_MS);
    }
    fn run(&mut self, command: &Command) -> Result<Answer, Rejection> {
        self.engine.run(command, self.now)
    }
    fn register(&mut self, name: &str) -> Result<Answer, Rejection> {
        self.run(&Command::RegisterPerson { name: name.to_owned(), key: public_key_of(name) })
    }
    fn propose(&mut self, matter: Matter) -> Result<Answer, Rejection> {
        self.run(&Command::Propose { matter: Box::new(matter), expires_at: None })
    }
    fn sign_as(&mut self, name: &str, key_of: &str, proposal: u64, verdict: Verdict) -> Result<Answer, Rejection> {
        let text = self.engine.state.text_to_sign(proposal, verdict).unwrap_or_default();
        let (person, signature) = (name.to_owned(), signed(key_of, &text));
        self.run(&Command::SignProposal(Box::new(SignProposal { proposal, person, verdict, signature })))
    }
    fn approve(&mut self, name: &str, proposal: u64) -> Result<Answer, Rejection> {
        self.sign_as(name, name, proposal, Verdict::Approve)
    }
    fn names(&self) -> Vec<&str> {
        self.engine.state.people.people().iter().filter(|person| person.is_active()).map(|person| person.name.as_str()).collect()
    }
    fn standing(&self, proposal: u64) -> Standing {
        self.engine.state.people.proposal(proposal).expect("a proposal").standing
    }
}

fn come(name: &str) -> Matter {
    Matter::RegisterPerson { name: name.to_owned(), key: public_key_of(name) }
}

fn go(name: &str) -> Matter {
    Matter::RemovePerson { name: name.to_owned() }
}

#[test]
fn two_people_decide_who_comes_and_who_goes() {
    let mut scene = Scene::new();
    assert_eq!(
        scene.register("a person"),
        Err(Rejection::TermsInvalid { reason: "a person's name is 1 to 64 of A-Z a-z 0-9 . _ -".to_owned() })
    );
    scene.register("anna").unwrap();
    assert_eq!(scene.register("anna"), Err(Rejection::AlreadyExists));
    let again = Command::RegisterPerson { name: "other".to_owned(), key: public_key_of("anna") };
    assert_eq!(scene.run(&again), Err(Rejection::AlreadyExists), "a key is one person's");
    scene.register("ben").unwrap();
    assert_eq!(scene.register("cleo"), Err(Rejection::ApprovalNeeded));
    scene.propose(come("cleo")).unwrap();
    assert_eq!(scene.propose(come("cleo")), Err(Rejection::AlreadyExists), "it is proposed already");
    assert_eq!(scene.approve("cleo", 1), Err(Rejection::PersonNotFound), "nobody lets herself in");
    assert_eq!(scene.approve("anna", 2), Err(Rejection::ProposalNotFound));
    assert_eq!(scene.sign_as("anna", "ben", 1, Verdict::Approve), Err(Rejection::SignatureInvalid));
    scene.approve("anna", 1).unwrap();
    assert_eq!(scene.approve("anna", 1), Err(Rejection::AlreadySigned));
    assert_eq!(scene.names(), ["anna", "ben"]);
    let at = scene.now;
    assert_eq!(
        scene.approve("ben", 1).map(|answer| matches!(answer, Answer::Proposal { standing: Standing::CarriedOut { .. }, .. })),
        Ok(true)
    );
    assert_eq!((scene.names(), scene.standing(1)), (vec!["anna", "ben", "cleo"], Standing::CarriedOut { at }));
    let events = &scene.engine.log.last().expect("a record").events;
    assert!(matches!(events.as_slice(), [Event::ProposalSigned(_), Event::PersonRegistered(_)]), "one record: {events:?}");
    assert_eq!(scene.approve("cleo", 1), Err(Rejection::ProposalNotOpen { standing: Standing::CarriedOut { at } }));
    scene.propose(go("anna")).unwrap();
    scene.approve("ben", 2).unwrap();
    scene.approve("cleo", 2).unwrap();
    assert_eq!(scene.names(), ["ben", "cleo"]);
    assert!(matches!(scene.propose(go("ben")), Err(Rejection::TermsInvalid { .. })), "two have to remain");
    assert!(matches!(scene.propose(come("anna")), Err(Rejection::AlreadyExists)), "a name is one person's for ever");
}

#[test]
fn one_who_says_no_ends_it_and_time_does_too() {
    let mut scene = Scene::new();
    scene.register("anna").unwrap();
    scene.register("ben").unwrap();
    scene.propose(come("cleo")).unwrap();
    scene.approve("anna", 1).unwrap();
    let at = scene.now;
    scene.sign_as("ben", "ben", 1, Verdict::Decline).unwrap();
    let declined = Standing::Declined { by: usance_core::id::PersonIx(1), at };
    assert_eq!(scene.approve("ben", 1), Err(Rejection::ProposalNotOpen { standing: declined }));
    scene.propose(come("cleo")).unwrap();
    scene.approve("ben", 2).unwrap();
    scene.later(72);
    assert_eq!(scene.approve("anna", 2), Err(Rejection::ProposalNotOpen { standing: Standing::Expired }));
    assert_eq!((scene.standing(2), scene.names()), (Standing::Expired, vec!["anna", "ben"]));
    let ended = scene.engine.log.last().map(|record| record.events.as_slice());
    assert!(matches!(ended, Some([Event::ProposalExpired(_)])), "the log says so: {ended:?}");
    for (ms, fits) in [(0, false), (1, true), (30 * 24 * HOUR_MS + 1, false), (30 * 24 * HOUR_MS, true)] {
        let expires_at = Some(Timestamp::from_ms(scene.now.ms() + ms));
        let asked = scene.run(&Command::Propose { matter: Box::new(if ms == 1 { come("dan") } else { come("cleo") }), expires_at });
        assert_eq!(asked.is_ok(), fits, "{ms} ms: {asked:?}");
    }
}

#[test]
fn a_signature_is_of_one_proposal_one_verdict_and_one_platform() {
    let mut scene = Scene::new();
    scene.register("anna").unwrap();
    scene.register("ben").unwrap();
    scene.propose(come("cleo")).unwrap();
    scene.propose(come("dan")).unwrap();
    let state = &scene.engine.state;
    let (decline, second) = (state.text_to_sign(1, Verdict::Decline).unwrap(), state.text_to_sign(2, Verdict::Approve).unwrap());
    let elsewhere = state.text_to_sign(1, Verdict::Approve).unwrap().replace(&state.platform_name(), &"0".repeat(32));
    for text in [decline, second, elsewhere] {
        let (person, signature) = ("anna".to_owned(), signed("anna", &text));
        let asked = SignProposal { proposal: 1, person, verdict: Verdict::Approve, signature };
        assert_eq!(scene.run(&Command::SignProposal(Box::new(asked))), Err(Rejection::SignatureInvalid), "{text}");
    }
}

#[test]
fn who_was_removed_counts_no_more() {
    let mut scene = Scene::new();
    scene.register("anna").unwrap();
    scene.register("ben").unwrap();
    scene.propose(come("cleo")).unwrap();
    for name in ["anna", "ben"] {
        scene.approve(name, 1).unwrap();
    }
    scene.propose(come("dan")).unwrap();
    scene.approve("anna", 2).unwrap();
    scene.propose(go("anna")).unwrap();
    for name in ["ben", "cleo"] {
        scene.approve(name, 3).unwrap();
    }
    scene.approve("ben", 2).unwrap();
    assert_eq!(scene.names(), ["ben", "cleo"], "of those who approved, one is left");
    scene.approve("cleo", 2).unwrap();
    assert_eq!(scene.names(), ["ben", "cleo", "dan"]);
}
