//! Which form of an answer its reader takes (RFC 9110, 12.5.1): weights, wildcards and `q=0` as they stand in `Accept`.
//!
//! The most specific range that names a form decides about it, of two alike the first. What has the greatest weight is given; of
//! equals what was named more closely, then earlier, then what comes first here. Parameters other than the weight are passed
//! over: no form here has any that matters. A part that is no media range names nothing. A parser of our own because the ones
//! that there are give up a whole header for one such part, and clients of long ago send `*; q=.2`.

use crate::wire::problem::Problem;
use axum::http::{HeaderMap, StatusCode, header};
use std::cmp::Reverse;

/// A weight is this many thousandths at most.
const MOST: u16 = 1000;

/// A media range and its weight.
struct Range<'a> {
    kind: &'a str,
    form: &'a str,
    weight: u16,
}

impl<'a> Range<'a> {
    fn of(part: &'a str) -> Option<Range<'a>> {
        let mut parameters = pieces(part, ';').map(str::trim);
        let name = parameters.next()?;
        let (kind, form) = if name == "*" { ("*", "*") } else { name.split_once('/')? };
        if !is_token(kind) || !is_token(form) || (kind == "*" && form != "*") {
            return None;
        }
        let mut weights = parameters.filter_map(|parameter| parameter.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("q"));
        let weight = weights.next().map_or(Some(MOST), |(_, text)| weight(text))?;
        Some(Range { kind, form, weight })
    }

    /// How closely it names a form, if it does.
    fn closeness(&self, offer: &str) -> Option<u8> {
        let (kind, form) = offer.split_once('/')?;
        match (self.kind, self.form) {
            ("*", _) => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, own_form) if own.eq_ignore_ascii_case(kind) && own_form.eq_ignore_ascii_case(form) => Some(2),
            _ => None,
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// `0.75` as 750. More digits than three are cut off, and nothing weighs more than 1.
fn weight(text: &str) -> Option<u16> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    if whole.bytes().any(|digit| digit != b'0') {
        return Some(MOST);
    }
    Some(fraction.bytes().chain(*b"000").take(3).fold(0, |weight, digit| weight * 10 + u16::from(digit - b'0')))
}

/// The pieces of a text between separators that stand in no quotes.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |letter| {
        let is_plain = !std::mem::take(&mut is_escaped);
        match letter {
            '"' if is_plain => is_quoted = !is_quoted,
            '\\' if is_plain && is_quoted => is_escaped = true,
            _ => {}
        }
        letter == separator && !is_quoted
    })
}

/// What a reader takes best of what is offered; nothing where it takes none. Whoever says nothing takes the first.
#[must_use]
pub fn preferred<'a>(headers: &HeaderMap, offers: &[&'a str]) -> Option<&'a str> {
    let lines = || headers.get_all(header::ACCEPT).iter().map(|line| line.to_str().unwrap_or("?"));
    let parts = || lines().flat_map(|line| pieces(line, ',')).map(str::trim).filter(|part| !part.is_empty());
    if parts().next().is_none() {
        return offers.first().copied();
    }
    let ranges: Vec<Range<'_>> = parts().filter_map(Range::of).collect();
    let ranked = offers.iter().enumerate().filter_map(|(place, offer)| {
        let naming = ranges.iter().enumerate().filter_map(|(at, range)| Some((range.closeness(offer)?, Reverse(at), range.weight)));
        let (closeness, at, weight) = naming.max()?;
        (weight > 0).then_some(((weight, closeness, at, Reverse(place)), *offer))
    });
    ranked.max().map(|(_, offer)| offer)
}

/// Whether a reader takes answers that are compressed by gzip (RFC 9110, 12.5.3): the first word about it counts, and where there
/// is none the first about everything else.
#[must_use]
pub fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let codings = lines.flat_map(|line| line.split(',')).filter_map(|part| {
        let mut parameters = part.split(';').map(str::trim);
        let name = parameters.next()?;
        let weights = parameters.filter_map(|parameter| parameter.split_once('=')).filter(|(name, _)| name.eq_ignore_ascii_case("q"));
        Some((name, weights.map(|(_, text)| weight(text)).next().unwrap_or(Some(MOST))?))
    });
    let codings: Vec<(&str, u16)> = codings.collect();
    let of = |wanted: &str| codings.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, weight)| *weight > 0);
    of("gzip").or_else(|| of("x-gzip")).or_else(|| of("*")).unwrap_or(false)
}

/// As [`preferred`].
///
/// # Errors
/// 406 with what there is, where a reader takes none of it.
pub fn chosen<'a>(headers: &HeaderMap, offers: &[&'a str]) -> Result<&'a str, Problem> {
    preferred(headers, offers).ok_or_else(|| {
        let there_is = offers.join(", ");
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", format!("Accept names nothing of what there is here: {there_is}."))
            .with("available", offers.to_vec())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    const OFFERS: [&str; 2] = ["application/json", "text/csv"];

    fn of(lines: &[&'static str]) -> Option<&'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT, HeaderValue::from_static(line));
        }
        preferred(&headers, &OFFERS)
    }

    #[test]
    fn the_greatest_weight_of_the_closest_name_decides() {
        let (json, csv) = (Some("application/json"), Some("text/csv"));
        for (line, expected) in [
            ("", json),
            (" , ,", json),
            ("*/*", json),
            ("*", json),
            ("text/csv", csv),
            ("TEXT/CSV", csv),
            ("text/*", csv),
            ("text/csv, */*", csv),
            ("*/*, text/csv", csv),
            ("text/csv,application/json", csv),
            ("application/json,text/csv", json),
            ("text/csv;q=0.5, application/json", json),
            ("text/csv;q=0.5, */*;q=0.1", csv),
            ("text/csv;q=0", None),
            ("text/csv;q=0.000, */*", json),
            ("text/csv;q=0, text/*", None),
            ("application/json;q=0,*/*;q=0.001", csv),
            ("*/*;q=0", None),
            ("text/csv;header=present;charset=\"utf-8, x;q=0\"; q=0.9, */*;q=0.8", csv),
            ("text/csv;Q=0.2, application/json;Q=0.3", json),
            ("text/html, image/gif, *; q=.2, */*; q=.2", json),
            ("text/csv ; q=0.2 , application/json ; q=0.9", json),
            ("text/csv;q=7, application/json;q=1", csv),
            ("application/problem+json", None),
            ("application/jsonx, text/cs, text, /csv, text/, json", None),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", json),
            ("text/csv;q=nothing", None),
            ("*/csv", None),
        ] {
            assert_eq!(of(&[line]), expected, "{line:?}");
        }
        assert_eq!((of(&[]), of(&["text/html", "text/csv;q=0.1"])), (json, csv), "a list may be split over lines");
    }

    #[test]
    fn gzip_is_taken_by_whoever_says_so() {
        let takes = |line: &'static str| takes_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(line))]));
        for line in
            ["gzip", "GZIP", "gzip, deflate, br", "br;q=1.0, gzip;q=0.1", "*", "x-gzip", "identity;q=0.5, *;q=.2", "gzip;q=1, gzip;q=0"]
        {
            assert!(takes(line), "{line}");
        }
        for line in ["", "identity", "br", "gzip;q=0", "gzip;q=0.000, *", "*;q=0", "gzipped", "gzip;q=x", "deflate, gzip;q=0"] {
            assert!(!takes(line), "{line}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
