//! Where the coins of an asset are: in which place, with which validators, what is being freed, and how old that knowledge is.

use crate::app::App;
use crate::json::shape::YieldSourceWord;
use crate::json::shape::staking::{PlaceShape, SlashedShape, StakedOnShape, StakedWithShape, StakingShape};
use crate::look::bar::{self, Part};
use crate::pages::seen::look;
use crate::pages::shell::{Room, Shell, show};
use crate::pages::visitor::Visitor;
use crate::wire::input::Path;
use crate::wire::problem::Problem;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

#[derive(Template)]
#[template(path = "staking.html")]
struct StakingPage {
    s: Shell,
    staking: StakingShape,
    bar: Vec<Part>,
}

impl StakingPage {
    fn is_staked(&self) -> bool {
        self.staking.yield_source == YieldSourceWord::Network
    }
    /// The colour of a place in the bar and in the table.
    fn colour(&self, place: &PlaceShape) -> &'static str {
        bar::colour(place.place)
    }
    /// What people call a validator; what the network calls it where nobody told.
    fn name(&self, with: &StakedWithShape) -> String {
        with.name.as_ref().unwrap_or(&with.validator).clone()
    }
    /// The same of one that was slashed.
    fn slashed_name(&self, from: &SlashedShape) -> String {
        from.name.as_ref().unwrap_or(&from.validator).clone()
    }
    /// How many validators are not listed, as a sentence; nothing where all are.
    fn others(&self, on: &StakedOnShape) -> Option<String> {
        let count = u64::from(on.other_validators.count);
        (count > 0).then(|| self.s.tn("staking-others", &count))
    }
    fn height(&self, on: &StakedOnShape) -> String {
        self.s.f.count(on.picture.height)
    }
    /// What validators and entries of a network are of its coins: of an asset that is staked there, they have something to show.
    fn shows_stake(&self, on: &StakedOnShape) -> bool {
        self.is_staked() && (!on.validators.is_empty() || !on.unbonding.is_empty() || on.last_slash.is_some())
    }
    /// How long ago a picture was taken.
    fn age(&self, on: &StakedOnShape) -> String {
        if on.picture.age_seconds == 0 {
            return self.s.t("staking-just-now");
        }
        let past = self.s.f.until(&on.picture.time, &self.staking.at);
        self.s.tw("staking-ago", &[("time", past.as_str())])
    }
}

/// GET /assets/{asset}/staking
pub async fn staking_get(State(app): State<App>, visitor: Visitor, Path(asset): Path<String>) -> Result<Response, Problem> {
    let (s, staking) = look(&app, |seen| Ok((seen.shell(&visitor, Room::Assets), seen.staking(&asset)?))).await?;
    let shares = staking.places.iter().flatten().filter_map(|place| Some((place.place, place.share.as_deref()?)));
    let bar = bar::parts(shares);
    show(&StakingPage { s, staking, bar }, StatusCode::OK)
}
