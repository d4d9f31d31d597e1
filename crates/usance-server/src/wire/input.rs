//! How a request is read: strictly, once, with the field named when something is wrong.

use crate::wire::body::Unread;
use crate::wire::problem::Problem;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use jiff::fmt::temporal::Pieces;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::marker::PhantomData;
use usance_core::calendar::{Day, Timestamp};
use usance_core::money::Rate;
use usance_engine::Unavailable;

/// The deepest nesting a body may have is serde_json's own, 128.
const JSON: &str = "application/json";

/// The number that something is counted by, in a path or a text; 0, which nothing has, for a text that is none.
#[must_use]
pub fn number(text: &str) -> u64 {
    Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit())).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A JSON body of a known shape. Anything else is a 400 that says where.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).map(|kind| kind.to_str().unwrap_or("?"));
        // A route whose fields are all optional takes no body, and then no type, as an empty one.
        let bodiless = kind.is_none();
        let json = kind.is_some_and(|kind| kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case(JSON)));
        let bytes = Bytes::from_request(request, state).await.map_err(|refused| unread(&refused))?;
        if !json && (!bodiless || !bytes.is_empty()) {
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "Send Content-Type: application/json."));
        }
        let text: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice::<Object<T>>(text).map(|object| Body(object.0)).map_err(|error| Problem::malformed(error.to_string()))
    }
}

/// A JSON object of a known shape. Left to itself, the reader of a shape would take a list of its fields' values for it.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
            type Value = T;
            fn expecting(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str("a JSON object")
            }
            fn visit_map<M: MapAccess<'de>>(self, fields: M) -> Result<T, M::Error> {
                T::deserialize(MapAccessDeserializer::new(fields))
            }
        }
        from.deserialize_map(Fields(PhantomData)).map(Object)
    }
}

/// An object inside a body.
///
/// # Errors
/// As the inner type, and for anything that is not an object.
pub fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Object::<T>::deserialize(from).map(|object| object.0)
}

/// A list of objects inside a body.
///
/// # Errors
/// As the inner type, and for anything that is not an object.
pub fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Vec::<Object<T>>::deserialize(from).map(|list| list.into_iter().map(|object| object.0).collect())
}

/// As [`objects`], for a list that may be left out.
///
/// # Errors
/// As [`objects`].
pub fn some_objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<T>>, D::Error> {
    let list = Option::<Vec<Object<T>>>::deserialize(from)?;
    Ok(list.map(|list| list.into_iter().map(|object| object.0).collect()))
}

/// Nothing to say.
#[derive(Debug, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// Why a body could not be read, as an answer.
pub fn unread(refused: &axum::extract::rejection::BytesRejection) -> Problem {
    match Unread::behind(refused) {
        Some(Unread::TooLong(max)) => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", format!("A body is at most {max} bytes."))
                .with("limit_bytes", max)
        }
        Some(Unread::Late) => Problem::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", "The body did not come in time."),
        Some(Unread::Crowded) => Unavailable::Overloaded.into(),
        None => Problem::malformed("the body could not be read"),
    }
}

/// The name in a path; one that is not text is a 400.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        read.map(|path| Path(path.0)).map_err(|error| Problem::malformed(error.body_text()))
    }
}

/// Query parameters of a known shape; an unknown one is a 400.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        axum::extract::Query::<T>::try_from_uri(&parts.uri)
            .map(|query| Query(query.0))
            .map_err(|error| Problem::malformed(error.body_text()))
    }
}

/// Reads an instant: RFC 3339, any offset, at most milliseconds.
///
/// # Errors
/// 400 with the field's name.
pub fn instant(field: &str, text: &str) -> Result<Timestamp, Problem> {
    let wrong =
        || Problem::malformed(format!("{field}: {text:?} is not an instant like 2026-01-31T12:00:00.000Z (1970 to 9999, milliseconds)"));
    ms_of(text).map(Timestamp::from_ms).filter(|at| at.is_supported()).ok_or_else(wrong)
}

/// Milliseconds since 1970. Read in pieces, because jiff's own instants end a day before the year 9999 does.
fn ms_of(text: &str) -> Option<i64> {
    let pieces = Pieces::parse(text).ok()?;
    let (day, time, offset) = (Day::parse(&pieces.date().to_string())?, pieces.time()?, pieces.to_numeric_offset()?);
    if time.subsec_nanosecond() % 1_000_000 != 0 {
        return None;
    }
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second()) - i64::from(offset.seconds());
    Some(i64::from(day.number()) * 86_400_000 + seconds * 1_000 + i64::from(time.subsec_nanosecond() / 1_000_000))
}

/// Reads a day: an ISO date.
///
/// # Errors
/// 400 with the field's name.
pub fn day(field: &str, text: &str) -> Result<Day, Problem> {
    Day::parse(text).ok_or_else(|| Problem::malformed(format!("{field}: {text:?} is not a day like 2026-01-31")))
}

/// Reads the days of a list, both included: none before `from`, none after `to`.
///
/// # Errors
/// 400 with the field's name, and for a `from` after `to`, between which there is no day.
pub fn days(from: Option<&str>, to: Option<&str>) -> Result<(Option<Day>, Option<Day>), Problem> {
    let (from, to) = (from.map(|text| day("from", text)).transpose()?, to.map(|text| day("to", text)).transpose()?);
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(Problem::malformed(format!("from: {from} is after to, {to}"))),
        days => Ok(days),
    }
}

/// Reads a rate.
///
/// # Errors
/// 400 with the field's name.
pub fn rate(field: &str, text: &str) -> Result<Rate, Problem> {
    Rate::parse(text).map_err(|_| {
        Problem::malformed(format!("{field}: {text:?} is not a rate like \"0.05250000\" (at most eight decimals, at most 10)"))
    })
}

/// Tells an absent field from one that is null: absent is `None`, null is `Some(None)`.
///
/// # Errors
/// As the inner type.
pub fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}
