//! What is asked of the tables, against what the log says.

use std::collections::BTreeMap;

use usance_core::calendar::Day;
use usance_core::id::{AssetIx, CustomerIx, LogPosition, PositionId};
use usance_core::machine::Event;
use usance_core::machine::verb::RateAnnounced;
use usance_store::codec;
use usance_store::projection::{Deeds, HistoryKind, HistoryRow, Span, StakeRow};

use super::super::world::{Size, batches};
use super::{ALL, EVERYTHING, Somewhere, Tables, on_every_home};

on_every_home! {
    history_is_what_the_log_says
    history_keeps_to_its_span_its_kind_and_its_limit
    what_is_counted_and_summed_is_what_the_rows_say
    closes_and_days_are_those_of_the_log
    stakes_are_those_of_the_log_up_to_a_place
}

type Told = (LogPosition, HistoryKind, Event);

/// What the log says that a customer did with an asset, oldest first.
fn told_by_the_log(tables: &Tables) -> BTreeMap<(CustomerIx, AssetIx), Vec<Told>> {
    let mut rows: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let asset_of = |product| tables.world.state.product(product).unwrap().asset;
    for batch in batches(&tables.log) {
        for item in codec::records(&batch) {
            let (place, record) = item.unwrap();
            for event in record.fact.events {
                let (customer, asset, kind) = match &event {
                    Event::Deposited(moved) => (moved.customer, moved.asset, HistoryKind::Deposit),
                    Event::Withdrawn(moved) => (moved.customer, moved.asset, HistoryKind::Withdrawal),
                    Event::Transferred(moved) => (moved.customer, moved.asset, HistoryKind::Transfer),
                    Event::Subscribed(event) => (event.customer, asset_of(event.product), HistoryKind::Subscription),
                    Event::Redeemed(event) => (event.customer, asset_of(event.product), HistoryKind::Redemption),
                    Event::ExitQueued(exit) => (exit.redeemed.customer, asset_of(exit.redeemed.product), HistoryKind::Redemption),
                    Event::ExitPaid(event) => (event.customer, event.asset, HistoryKind::ExitPayment),
                    Event::ExitEarned(event) if !event.reward.is_zero() => (event.customer, event.asset, HistoryKind::ExitReward),
                    Event::ExitCancelled(exit) => (exit.subscribed.customer, asset_of(exit.subscribed.product), HistoryKind::Subscription),
                    Event::LossBorne(event) if !event.amount().is_zero() => (event.customer, event.asset, HistoryKind::Loss),
                    Event::LossReturned(event) => (event.customer, event.asset, HistoryKind::LossReturned),
                    _ => continue,
                };
                rows.entry((customer, asset)).or_default().push((place, kind, event));
            }
        }
    }
    rows
}

fn history_is_what_the_log_says(at: Somewhere) {
    let tables = Tables::full(at, Size::usual(1));
    let mut told = told_by_the_log(&tables);
    for (customer, asset) in tables.pairs() {
        let mut rows = tables.history(customer, asset, EVERYTHING);
        assert!(rows.is_sorted_by(|one, other| one.place > other.place), "newest first");
        rows.reverse();
        let rows: Vec<_> = rows.into_iter().map(|row| (row.place, row.kind, row.event)).collect();
        assert_eq!(rows, told.remove(&(customer, asset)).unwrap_or_default());
    }
    assert!(told.is_empty(), "nobody is forgotten");
}

fn history_keeps_to_its_span_its_kind_and_its_limit(at: Somewhere) {
    let tables = Tables::full(at, Size::usual(2));
    let reading = tables.reading();
    let (customer, asset) = (CustomerIx(0), AssetIx(0));
    let all = tables.history(customer, asset, EVERYTHING);
    assert!(all.len() > 30, "{} rows", all.len());
    for kind in HistoryKind::ALL {
        let only = reading.history(customer, asset, EVERYTHING, Some(kind), ALL).unwrap();
        assert_eq!(only, all.iter().filter(|row| row.kind == kind).cloned().collect::<Vec<_>>(), "{}", kind.word());
        // Not everybody waits.
        let is_rare = matches!(kind, HistoryKind::ExitPayment | HistoryKind::ExitReward);
        assert!(is_rare || !only.is_empty(), "{}", kind.word());
        assert_eq!(reading.history(customer, asset, EVERYTHING, Some(kind), 2).unwrap(), only[..only.len().min(2)]);
    }
    for limit in [0, 1, 7, all.len() - 1, all.len(), all.len() + 1] {
        assert_eq!(reading.history(customer, asset, EVERYTHING, None, limit).unwrap(), all[..limit.min(all.len())]);
    }
    let mut places: Vec<LogPosition> = all.iter().map(|row| row.place).collect();
    places.push(LogPosition::START);
    for (newer, older) in [(0, 1), (0, places.len() - 1), (3, 9), (5, 5), (9, 3), (places.len() - 2, places.len() - 1)] {
        let span = Span { after: places[older], through: places[newer] };
        let expected = if newer < older { &all[newer..older] } else { &[] };
        assert_eq!(tables.history(customer, asset, span), expected, "after the {older}th, through the {newer}th");
    }
    // A page after a page, as a client asks for them.
    let (mut paged, mut through) = (Vec::new(), EVERYTHING.through);
    loop {
        let page = reading.history(customer, asset, Span { after: LogPosition::START, through }, None, 4).unwrap();
        let Some(last) = page.last() else { break };
        through = LogPosition::from_number(last.place.number() - 1);
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

fn what_is_counted_and_summed_is_what_the_rows_say(at: Somewhere) {
    let tables = Tables::full(at, Size::usual(2));
    let reading = tables.reading();
    let (customer, asset) = (CustomerIx(1), AssetIx(0));
    let all = tables.history(customer, asset, EVERYTHING);
    let product = |row: &HistoryRow| match &row.event {
        Event::Subscribed(event) => Some(event.product),
        Event::Redeemed(event) => Some(event.product),
        Event::ExitQueued(exit) => Some(exit.redeemed.product),
        Event::ExitCancelled(exit) => Some(exit.subscribed.product),
        Event::LossBorne(event) => event.position.map(|bears| bears.product),
        _ => None,
    };
    for (newer, older) in [(0, all.len() - 1), (3, 9), (7, 8), (5, 5)] {
        let span = Span { after: all[older].place, through: all[newer].place };
        let within = &all[newer..older];
        for kind in HistoryKind::ALL {
            let of_kind: Vec<_> = within.iter().filter(|row| row.kind == kind).collect();
            let places = |rows: &[&HistoryRow]| rows.iter().map(|row| row.place).collect::<Vec<_>>();
            let deeds = Deeds { customer, asset, kind, span };
            assert_eq!(reading.places(deeds, None, ALL).unwrap(), places(&of_kind));
            assert_eq!(reading.places(deeds, None, 1).unwrap(), places(&of_kind[..of_kind.len().min(1)]));
            if let Some(only) = of_kind.iter().find_map(|row| product(row)) {
                let of_product: Vec<_> = of_kind.iter().copied().filter(|row| product(row) == Some(only)).collect();
                assert_eq!(reading.places(deeds, Some(only), ALL).unwrap(), places(&of_product));
            }
        }
        let mut in_order = within.to_vec();
        in_order.reverse();
        assert_eq!(reading.history_from(customer, asset, span, ALL).unwrap(), in_order);
        assert_eq!(reading.history_from(customer, asset, span, 3).unwrap(), in_order[..in_order.len().min(3)]);
        let sum = |units: fn(&HistoryRow) -> i128| within.iter().map(units).sum::<i128>();
        let expected = (sum(|row| row.spot), sum(|row| row.funding), within.len());
        assert_eq!(reading.moved(customer, asset, span).unwrap(), expected);
        for count in [0, 2, within.len()] {
            assert_eq!(reading.behind(customer, asset, span, count).unwrap(), within.get(count).map(|row| row.place), "{count}");
        }
    }
}

fn closes_and_days_are_those_of_the_log(at: Somewhere) {
    let tables = Tables::full(at, Size::usual(3));
    let reading = tables.reading();
    let (mut closes, mut days, mut announced) = (Vec::new(), Vec::new(), Vec::new());
    for batch in batches(&tables.log) {
        for item in codec::records(&batch) {
            let (place, record) = item.unwrap();
            for event in record.fact.events {
                match event {
                    Event::DayClosed(closed) => {
                        closes.push((closed.day, place));
                        days.extend(closed.products.iter().map(|line| (closed.day, line.clone())));
                    }
                    Event::RateAnnounced(RateAnnounced { product, from, .. }) => announced.push((place, product, from)),
                    _ => {}
                }
            }
        }
    }
    assert!(closes.len() >= 60 && announced.len() > 10);
    assert_eq!(reading.announcements(EVERYTHING).unwrap(), announced);
    let span = Span { after: announced[1].0, through: announced[6].0 };
    assert_eq!(reading.announcements(span).unwrap(), announced[2..=6]);

    closes.reverse();
    let asked = |before, span, limit| -> Vec<_> {
        reading.closes(before, span, limit).unwrap().into_iter().map(|closed| (closed.day, closed.place)).collect()
    };
    assert_eq!(asked(None, EVERYTHING, ALL), closes);
    assert_eq!(asked(None, EVERYTHING, 3), closes[..3]);
    assert_eq!(asked(Some(closes[4].0), EVERYTHING, 3), closes[5..8]);
    // Days that were closed by one move of the clock share a place.
    let (after, through) = (closes[20].1, closes[5].1);
    let within = closes.iter().filter(|(_, place)| *place > after && *place <= through).copied().collect::<Vec<_>>();
    assert_eq!(asked(None, Span { after, through }, ALL), within);
    assert!(!within.is_empty() && within.len() < closes.len());

    let oldest_first = |span, limit| -> Vec<_> {
        reading.closes_from(None, span, limit).unwrap().into_iter().map(|closed| (closed.day, closed.place)).collect()
    };
    let in_order: Vec<_> = within.iter().rev().copied().collect();
    assert_eq!(oldest_first(Span { after, through }, ALL), in_order);
    assert_eq!(oldest_first(Span { after, through }, 2), in_order[..2]);
    let later = reading.closes_from(Some(in_order[1].0), Span { after, through }, 1).unwrap();
    assert_eq!((later[0].day, later[0].place), in_order[2]);

    days.sort_by_key(|(day, line)| std::cmp::Reverse((*day, line.product)));
    assert_eq!(reading.days(None, |_| true, ALL).unwrap(), days);
    for limit in [0, 1, 5] {
        assert_eq!(reading.days(None, |_| true, limit).unwrap(), days[..limit]);
    }
    let (day, line) = &days[10];
    assert_eq!(reading.days(Some((*day, line.product.0)), |_| true, 7).unwrap(), days[11..18]);
    let paying = |line: &usance_core::machine::day::ProductDay| !line.distributed.is_zero();
    let expected: Vec<_> = days.iter().filter(|(_, line)| paying(line)).take(9).cloned().collect();
    assert_eq!(reading.days(None, paying, 9).unwrap(), expected);
}

fn stakes_are_those_of_the_log_up_to_a_place(at: Somewhere) {
    let tables = Tables::full(at, Size::usual(5));
    let (reading, offset) = (tables.reading(), tables.world.state.registry.platform.offset);
    let mut stakes: BTreeMap<PositionId, Vec<StakeRow>> = BTreeMap::new();
    for batch in batches(&tables.log) {
        for item in codec::records(&batch) {
            let (place, record) = item.unwrap();
            for event in &record.fact.events {
                let Some((position, _, stake)) = event.staked() else { continue };
                stakes.entry(position).or_default().push(StakeRow { place, day: offset.day_of(record.fact.at), stake });
            }
        }
    }
    assert!(stakes.values().any(|rows| rows.len() > 4));
    let ever = Day::from_number(0);
    for (position, rows) in stakes {
        for (index, StakeRow { place, day, .. }) in rows.iter().enumerate() {
            assert_eq!(reading.stakes(position, *place, ever).unwrap(), rows[..=index], "position {position} through {place}");
            let before = LogPosition::from_number(place.number() - 1);
            assert_eq!(reading.stakes(position, before, ever).unwrap(), rows[..index], "position {position} before {place}");
            // What was before the last that holds on a day is left out.
            let first = rows.iter().rposition(|row| row.day <= *day).unwrap();
            assert_eq!(reading.stakes(position, EVERYTHING.through, *day).unwrap(), rows[first..], "position {position} from {day}");
        }
    }
}
