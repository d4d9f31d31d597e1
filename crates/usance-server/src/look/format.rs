//! How money, rates, days and instants look on the pages: the only place for it, in every language of the pages.
//!
//! What comes in is the API's own text, what goes out is plain text: no markup, no bidi control characters. Numbers
//! are text from end to end, never floats; a digit is only left
//! out where the name says so ([`Format::amount_display`]), and the page then has all of them in a title.
//! Text that is not what it should be comes back unchanged.
//!
//! Digits are Latin, grouped as 1,234.5, in all three languages: exchanges in Arabic-speaking markets show amounts so.
//! On a right-to-left page a number goes into `<bdi dir="ltr">`; days, instants and countdowns hold Arabic words and
//! go into a `<bdi>` without it, or their words would stand in the wrong order.

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

/// U+2212: as wide as the plus sign, and no line breaks after it.
const MINUS: &str = "\u{2212}";
const MILLISECONDS_A_MINUTE: i64 = 60_000;
const MINUTES_AN_HOUR: i64 = 60;
const MINUTES_A_DAY: i64 = 24 * MINUTES_AN_HOUR;

const ENGLISH_MONTHS: &str = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
/// As in Egypt and the Gulf; written out, as Arabic has no short forms.
const ARABIC_MONTHS: &str = "يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر";

/// Other names of UTC in the time zone database.
const UTC_NAMES: [&str; 8] = ["UTC", "Etc/UTC", "UCT", "Etc/UCT", "Universal", "Etc/Universal", "Zulu", "Etc/Zulu"];
/// What a reader may choose from: UTC, then from west to east.
const ZONES: &str = "UTC America/Los_Angeles America/Denver America/Mexico_City America/Chicago America/Bogota America/New_York \
    America/Toronto America/Sao_Paulo America/Argentina/Buenos_Aires Europe/London Africa/Lagos Europe/Paris Europe/Berlin \
    Europe/Zurich Africa/Cairo Africa/Johannesburg Europe/Istanbul Africa/Nairobi Asia/Riyadh Europe/Moscow Asia/Dubai \
    Asia/Karachi Asia/Kolkata Asia/Bangkok Asia/Jakarta Asia/Shanghai Asia/Hong_Kong Asia/Taipei Asia/Singapore Asia/Tokyo \
    Asia/Seoul Australia/Sydney Pacific/Auckland";

/// The languages of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, left to right.
    English,
    /// Chinese in simplified characters, left to right.
    SimplifiedChinese,
    /// Modern Standard Arabic, right to left.
    Arabic,
}

impl Language {
    /// All of them, in the order of the language menu.
    pub const ALL: [Language; 3] = [Language::English, Language::SimplifiedChinese, Language::Arabic];

    /// The tag for `lang="…"` (BCP 47).
    pub const fn tag(self) -> &'static str {
        self.pick(["en", "zh-Hans", "ar"])
    }

    /// The value for `dir="…"`.
    pub const fn direction(self) -> &'static str {
        self.pick(["ltr", "ltr", "rtl"])
    }

    /// Its name in itself, for the language menu.
    pub const fn own_name(self) -> &'static str {
        self.pick(["English", "简体中文", "العربية"])
    }

    /// The language of a tag in any case and of any region: `en-GB`, `ZH-cn`, `ar`. Traditional Chinese (`zh-TW`)
    /// is served in simplified characters too: nearer to its readers than English. `None` for other languages.
    pub fn parse(tag: &str) -> Option<Language> {
        match tag.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "en" => Some(Language::English),
            "zh" => Some(Language::SimplifiedChinese),
            "ar" => Some(Language::Arabic),
            _ => None,
        }
    }

    /// The best language for an `Accept-Language` header (RFC 9110, 12.5.4): highest quality first, then first in the
    /// header. `*` means English; so does a header in which nothing fits.
    pub fn preferred(accept_language: &str) -> Language {
        let wanted = accept_language.split(',').filter_map(wanted).filter(|(quality, _)| *quality > 0);
        wanted.rev().max_by_key(|(quality, _)| *quality).map_or(Language::English, |(_, language)| language)
    }

    /// One of three words, in the order of [`Language::ALL`].
    const fn pick(self, [english, chinese, arabic]: [&'static str; 3]) -> &'static str {
        match self {
            Language::English => english,
            Language::SimplifiedChinese => chinese,
            Language::Arabic => arabic,
        }
    }
}

/// One entry of the header with its quality in thousandths; `None` when its language or its quality is no good.
fn wanted(entry: &str) -> Option<(u128, Language)> {
    let (tag, parameters) = entry.split_once(';').unwrap_or((entry, ""));
    let language = if tag.trim() == "*" { Language::English } else { Language::parse(tag.trim())? };
    let mut named = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let quality = match named.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")) {
        Some((_, value)) => Decimal::parse(value.trim()).filter(|value| value.fraction.len() <= 3)?.scaled(3)?,
        None => 1_000,
    };
    (quality <= 1_000).then_some((quality, language))
}

/// A decimal text taken apart: digits only, no leading zeros in `whole` but for "0" itself, zero never negative.
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// `-?digits(.digits)?` and nothing else.
    fn parse(text: &'a str) -> Option<Decimal<'a>> {
        let (minus, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(halves) => halves,
            None => (digits, ""),
        };
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number = Decimal { negative: minus, whole: without_leading_zeros(whole), fraction };
        Some(Decimal { negative: minus && !number.is_zero(), ..number })
    }

    fn is_zero(&self) -> bool {
        self.whole == "0" && self.places() == 0
    }

    fn sign(&self) -> &'static str {
        if self.negative { MINUS } else { "" }
    }

    /// How many fraction digits it needs.
    fn places(&self) -> usize {
        self.fraction.trim_end_matches('0').len()
    }

    /// The size of the number as a count of 10^-`places`, which are no fewer than its own; `None` from 2^128 on.
    fn scaled(&self, places: usize) -> Option<u128> {
        let fraction = self.fraction.trim_end_matches('0');
        let zeros = "0".repeat(places.saturating_sub(fraction.len()));
        format!("{}{fraction}{zeros}", self.whole).parse().ok()
    }
}

fn without_leading_zeros(digits: &str) -> &str {
    match digits.trim_start_matches('0') {
        "" => "0",
        rest => rest,
    }
}

/// Sign, grouped whole digits, and the fraction digits as they are.
fn written(sign: &str, whole: &str, fraction: &str) -> String {
    let mut text = String::from(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if fraction.is_empty() { text } else { text + "." + fraction }
}

/// How one reader sees numbers and times.
#[derive(Clone, Debug)]
pub struct Format {
    language: Language,
    zone: TimeZone,
}

impl Format {
    /// For a language and an IANA time zone; an unknown zone becomes UTC.
    pub fn new(language: Language, zone_name: &str) -> Format {
        Format { language, zone: known_zone(zone_name).unwrap_or(TimeZone::UTC) }
    }

    /// Whether the name is in the time zone database (case does not matter).
    pub fn is_zone(name: &str) -> bool {
        known_zone(name).is_some()
    }

    /// The zones of a select: UTC, then large cities from west to east. A reader may have another one.
    pub fn zones() -> Vec<String> {
        ZONES.split_whitespace().map(String::from).collect()
    }

    /// The reader's language.
    pub const fn language(&self) -> Language {
        self.language
    }

    /// The reader's zone by its IANA name.
    pub fn zone_name(&self) -> String {
        self.zone.iana_name().unwrap_or("UTC").to_owned()
    }

    /// Whether the reader's zone is UTC itself, so that a page need not show both times. London is not, even in winter.
    pub fn is_utc(&self) -> bool {
        self.zone.iana_name().is_none_or(|name| UTC_NAMES.iter().any(|utc| utc.eq_ignore_ascii_case(name)))
    }

    /// An amount with every digit of its text: `-1234.50` is "−1,234.50".
    pub fn amount(&self, text: &str) -> String {
        let Some(number) = Decimal::parse(text) else { return text.to_owned() };
        written(number.sign(), number.whole, number.fraction)
    }

    /// An amount with every digit and "+" or "−" in front; zero has neither.
    pub fn amount_signed(&self, text: &str) -> String {
        let Some(number) = Decimal::parse(text) else { return text.to_owned() };
        let sign = if number.negative || number.is_zero() { number.sign() } else { "+" };
        written(sign, number.whole, number.fraction)
    }

    /// An amount for an overview, in its coin's own display digits: cut towards zero to `decimals` fraction digits, or
    /// padded to as many. Nothing is "0"; what the cut would show as nothing is shown with every digit.
    pub fn amount_display(&self, text: &str, decimals: u8) -> String {
        let Some(number) = Decimal::parse(text) else { return text.to_owned() };
        let (kept, _) = number.fraction.split_at(number.places().min(usize::from(decimals)));
        if number.is_zero() {
            return "0".to_owned();
        }
        if [number.whole, kept].iter().all(|digits| digits.bytes().all(|digit| digit == b'0')) {
            return written(number.sign(), number.whole, number.fraction);
        }
        written(number.sign(), number.whole, &format!("{kept:0<0$}", usize::from(decimals)))
    }

    /// A rate (1 is 100%) as an exact percentage with two fraction digits or as many as it takes: `0.05444250` is
    /// "5.44425%".
    pub fn percent(&self, rate: &str) -> String {
        let Some(number) = Decimal::parse(rate) else { return rate.to_owned() };
        let fraction = format!("{:0<2}", number.fraction);
        let (hundredths, rest) = fraction.split_at(2);
        let whole = format!("{}{hundredths}", number.whole);
        written(number.sign(), without_leading_zeros(&whole), &format!("{:0<2}", rest.trim_end_matches('0'))) + "%"
    }

    /// The part of a whole in percent, for a progress bar: rounded down, so that only a full one shows 100; 0 for a
    /// negative part, 100 for one above the whole. `None` when the whole is not above zero, or a text is no amount or
    /// too long for integers of 128 bits.
    pub fn percent_of(&self, part_text: &str, whole_text: &str) -> Option<u8> {
        let (part, whole) = (Decimal::parse(part_text)?, Decimal::parse(whole_text)?);
        if whole.is_zero() || whole.negative {
            return None;
        } else if part.negative {
            return Some(0);
        }
        let places = part.places().max(whole.places());
        let (part, whole) = (part.scaled(places)?, whole.scaled(places)?);
        if part >= whole { Some(100) } else { u8::try_from(part.checked_mul(100)?.checked_div(whole)?).ok() }
    }

    /// A count with grouped thousands.
    pub fn count(&self, number: u64) -> String {
        written("", &number.to_string(), "")
    }

    /// A day (`2026-11-20`) with its year: "20 Nov 2026". A day has no zone: it is not moved into the reader's.
    pub fn day(&self, text: &str) -> String {
        parse_day(text).map_or_else(|| text.to_owned(), |day| self.date(day))
    }

    /// A day without its year: "20 Nov".
    pub fn day_short(&self, text: &str) -> String {
        parse_day(text).map_or_else(|| text.to_owned(), |day| self.date_short(day))
    }

    /// An instant in the reader's zone, to the minute, on the 24-hour clock: "20 Nov 2026, 08:00".
    pub fn instant(&self, text: &str) -> String {
        self.zoned(text).map_or_else(|| text.to_owned(), |zoned| self.to_the_minute(zoned.datetime()))
    }

    /// An instant in UTC, to the minute: "20 Nov 2026, 00:00 UTC".
    pub fn utc(&self, text: &str) -> String {
        let Ok(instant) = text.parse::<Timestamp>() else { return text.to_owned() };
        format!("{} UTC", self.to_the_minute(Offset::UTC.to_datetime(instant)))
    }

    /// How far the reader's zone is from UTC at an instant: "UTC", "GMT+8", "GMT−3:30".
    pub fn zone_offset(&self, text: &str) -> String {
        self.zoned(text).map_or_else(|| text.to_owned(), |zoned| offset_name(zoned.offset()))
    }

    /// The time from `now` to `then` (both instants) in its two largest units, rounded down, without seconds: "2 d 5 h",
    /// "5 h 12 min", "12 min", "less than a minute", and "now" when it is over. A day is 24 hours. `then` unchanged
    /// when either text is no instant.
    pub fn until(&self, now: &str, then: &str) -> String {
        let (Ok(from), Ok(to)) = (now.parse::<Timestamp>(), then.parse::<Timestamp>()) else { return then.to_owned() };
        let minutes = match to.as_millisecond() - from.as_millisecond() {
            ..=0 => return self.language.pick(["now", "现在", "الآن"]).to_owned(),
            1..MILLISECONDS_A_MINUTE => return self.language.pick(["less than a minute", "不到1分钟", "أقل من دقيقة"]).to_owned(),
            milliseconds => milliseconds / MILLISECONDS_A_MINUTE,
        };
        let (days, hours) = (minutes / MINUTES_A_DAY, minutes % MINUTES_A_DAY / MINUTES_AN_HOUR);
        let parts = if days > 0 { [(days, DAY), (hours, HOUR)] } else { [(hours, HOUR), (minutes % MINUTES_AN_HOUR, MINUTE)] };
        let lengths = parts.into_iter().filter(|(number, _)| *number > 0).map(|(number, unit)| unit.length(number, self.language));
        lengths.collect::<Vec<_>>().join(self.language.pick([" ", "", " و"]))
    }

    fn zoned(&self, text: &str) -> Option<Zoned> {
        Some(text.parse::<Timestamp>().ok()?.to_zoned(self.zone.clone()))
    }

    fn date(&self, date: Date) -> String {
        match self.language {
            Language::English | Language::Arabic => format!("{} {}", self.date_short(date), date.year()),
            Language::SimplifiedChinese => format!("{}年{}", date.year(), self.date_short(date)),
        }
    }

    fn date_short(&self, date: Date) -> String {
        let named = |months: &str| {
            let name = months.split(' ').zip(1..).find_map(|(name, month)| (month == date.month()).then_some(name));
            format!("{} {}", date.day(), name.unwrap_or_default())
        };
        match self.language {
            Language::English => named(ENGLISH_MONTHS),
            Language::SimplifiedChinese => format!("{}月{}日", date.month(), date.day()),
            Language::Arabic => named(ARABIC_MONTHS),
        }
    }

    fn to_the_minute(&self, at: DateTime) -> String {
        let between = self.language.pick([", ", " ", "، "]);
        format!("{}{between}{:02}:{:02}", self.date(at.date()), at.hour(), at.minute())
    }
}

/// A unit of countdowns.
struct Unit {
    english: &'static str,
    chinese: &'static str,
    /// For one, two, 3 to 10, 11 to 99, and round hundreds: the plural rules of Arabic in the Unicode CLDR.
    arabic: [&'static str; 5],
}

const DAY: Unit = Unit { english: "d", chinese: "天", arabic: ["يوم", "يومان", "أيام", "يومًا", "يوم"] };
const HOUR: Unit = Unit { english: "h", chinese: "小时", arabic: ["ساعة", "ساعتان", "ساعات", "ساعة", "ساعة"] };
const MINUTE: Unit =
    Unit { english: "min", chinese: "分钟", arabic: ["دقيقة", "دقيقتان", "دقائق", "دقيقة", "دقيقة"] };

impl Unit {
    fn length(&self, number: i64, language: Language) -> String {
        let [one, two, few, many, hundreds] = self.arabic;
        match (language, number, number % 100) {
            (Language::English, ..) => format!("{number} {}", self.english),
            (Language::SimplifiedChinese, ..) => format!("{number}{}", self.chinese),
            (Language::Arabic, 1, _) => one.to_owned(),
            (Language::Arabic, 2, _) => two.to_owned(),
            (Language::Arabic, _, 3..=10) => format!("{number} {few}"),
            (Language::Arabic, _, 11..=99) => format!("{number} {many}"),
            (Language::Arabic, ..) => format!("{number} {hundreds}"),
        }
    }
}

fn known_zone(name: &str) -> Option<TimeZone> {
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

/// Only the API's own form: jiff reads others too, among them instants.
fn parse_day(text: &str) -> Option<Date> {
    text.parse::<Date>().ok().filter(|day| day.to_string() == text)
}

/// As short as it can be said: "GMT+8", "GMT+5:30"; with seconds before there was standard time.
fn offset_name(offset: Offset) -> String {
    let (seconds, sign) = (offset.seconds().abs(), if offset.is_negative() { MINUS } else { "+" });
    if seconds == 0 {
        return String::from("UTC");
    }
    let clock = format!("{}:{:02}:{:02}", seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
    format!("GMT{sign}{}", clock.trim_end_matches(":00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row: what to write and its arguments `|` how it looks. `reader` rows say for whom the rows after it are.
    #[track_caller]
    fn check(rows: &str) {
        let mut format = Format::new(Language::English, "UTC");
        for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
            let (words, expected) = row.split_once('|').unwrap_or((row, ""));
            let shown = match words.split_whitespace().collect::<Vec<_>>()[..] {
                ["reader", language, zone] => {
                    format = Format::new(Language::parse(language).unwrap(), zone);
                    continue;
                }
                ["amount", text] => format.amount(text),
                ["signed", text] => format.amount_signed(text),
                ["display", text, decimals] => format.amount_display(text, decimals.parse().unwrap()),
                ["percent", rate] => format.percent(rate),
                ["part", part, "of", whole] => format.percent_of(part, whole).map_or("none".to_owned(), |percent| percent.to_string()),
                ["count", number] => format.count(number.parse().unwrap()),
                ["day", text] => format!("{} / {}", format.day(text), format.day_short(text)),
                ["instant", text] => format.instant(text),
                ["utc", text] => format.utc(text),
                ["offset", text] => format.zone_offset(text),
                ["until", then] => format.until("2026-11-20T00:00:00.000Z", then),
                ["zone"] => format!("{}{}", format.zone_name(), if format.is_utc() { " is UTC" } else { "" }),
                ["tag", tag] => format!("{:?}", Language::parse(tag)),
                ["header", ref entries @ ..] => format!("{:?}", Language::preferred(&entries.join(" "))),
                _ => panic!("no such row: {row}"),
            };
            assert_eq!(shown, expected.trim(), "{row}");
        }
    }

    #[test]
    fn numbers_in_every_language() {
        let rows = "
            amount  0                                   | 0
            amount  -0.000                              | 0.000
            amount  1000                                | 1,000
            amount  1234.5                              | 1,234.5
            amount  -1234567.50                         | −1,234,567.50
            amount  -0.000000001                        | −0.000000001
            amount  0.000000000000000001                | 0.000000000000000001
            amount  12345.678901234567890123            | 12,345.678901234567890123
            amount  10000000000.000000000000000001      | 10,000,000,000.000000000000000001
            amount  10000000000000000000000000000       | 10,000,000,000,000,000,000,000,000,000
            amount  007                                 | 7
            signed  1234.5                              | +1,234.5
            signed  0.00                                | 0.00
            display   1.23999                        2    | 1.23
            display   5.00                           2    | 5.00
            display   1234567.999                    0    | 1,234,567
            display   1.5001                         3    | 1.500
            display   0.000000000000000001           6    | 0.000000000000000001
            display   -9.999                         2    | −9.99
            display   0                              8    | 0
            count   18446744073709551615                | 18,446,744,073,709,551,615
            percent 0.05250000                          | 5.25%
            percent 0.05444250                          | 5.44425%
            percent 0.5                                 | 50.00%
            percent 1                                   | 100.00%
            percent 0                                   | 0.00%
            percent 0.00000001                          | 0.000001%
            percent 10                                  | 1,000.00%
            percent -0.0125                             | −1.25%
            part    99.999999999 of 100                                             | 99
            part    101 of 100                                                      | 100
            part    -1 of 100                                                       | 0
            part    0.000000000000000001 of 1                                       | 0
            part    4999999999.999999999999999999 of 10000000000                    | 49
            part    5000000000000000000000000000 of 10000000000000000000000000000   | 50
            part    1 of 0                                                          | none
            part    1 of 1000000000000000000000000000000000000000                   | none
        ";
        check(rows);
        check(&format!("reader zh Asia/Shanghai\n{rows}"));
        check(&format!("reader ar Asia/Riyadh\n{rows}"));
    }

    #[test]
    fn days_and_instants() {
        check(
            "
            reader  en Asia/Singapore
            day     2026-11-20                | 20 Nov 2026 / 20 Nov
            day     2026-02-29                | 2026-02-29 / 2026-02-29
            instant 2026-11-20T00:00:00.000Z  | 20 Nov 2026, 08:00
            offset  2026-11-20T00:00:00.000Z  | GMT+8
            utc     2026-11-20T00:00:00.000Z  | 20 Nov 2026, 00:00 UTC
            reader  zh Asia/Shanghai
            day     2027-01-05                | 2027年1月5日 / 1月5日
            instant 2026-11-20T00:00:00.000Z  | 2026年11月20日 08:00
            reader  ar Asia/Dubai
            day     2026-08-01                | 1 أغسطس 2026 / 1 أغسطس
            instant 2026-11-20T00:00:00.000Z  | 20 نوفمبر 2026، 04:00
            utc     2026-11-20T00:00:00.000Z  | 20 نوفمبر 2026، 00:00 UTC
            reader  en utc
            zone                              | UTC is UTC
            reader  en Mars/Olympus
            zone                              | UTC is UTC
            ",
        );
    }

    /// Half-hour offsets, local years that are not UTC's, and clocks that leave an hour out or repeat one.
    #[test]
    fn zones_with_corners() {
        check(
            "
            reader en asia/kolkata
            reader en America/St_Johns
            reader en Pacific/Auckland
            reader en America/New_York
            reader en Europe/London
            zone                             | Europe/London
            reader en Etc/UTC
            zone                             | Etc/UTC is UTC
            reader en Etc/Unknown
            zone                             | UTC is UTC
            ",
        );
        assert!(!Format::is_zone("Mars/Olympus") && !Format::is_zone("Etc/Unknown") && !Format::is_zone("") && !Format::is_zone("../UTC"));
        assert_eq!(Format::zones().first().map(String::as_str), Some("UTC"));
        for zone in Format::zones() {
            assert!(Format::is_zone(&zone) && Format::new(Language::Arabic, &zone).zone_name() == zone, "{zone}");
        }
    }

    #[test]
    fn countdowns() {
        check(
            "
            until 2026-11-22T05:59:59.999Z  | 2 d 5 h
            until 2026-11-21T00:59:00.000Z  | 1 d
            until 2026-11-20T05:12:30.000Z  | 5 h 12 min
            until 2026-11-20T00:00:59.999Z  | less than a minute
            until 2026-11-20T00:00:00.000Z  | now
            reader zh UTC
            until 2026-11-22T05:59:59.999Z  | 2天5小时
            until 2026-11-20T05:12:30.000Z  | 5小时12分钟
            until 2026-11-20T00:00:01.000Z  | 不到1分钟
            until 2026-11-19T00:00:00.000Z  | 现在
            reader ar UTC
            until 2026-11-21T00:00:00.000Z  | يوم
            until 2026-11-22T05:59:59.999Z  | يومان و5 ساعات
            until 2026-12-10T02:00:00.000Z  | 20 يومًا وساعتان
            until 2027-02-28T00:00:00.000Z  | 100 يوم
            until 2027-03-03T11:00:00.000Z  | 103 أيام و11 ساعة
            until 2026-11-20T01:02:00.000Z  | ساعة ودقيقتان
            until 2026-11-20T05:12:30.000Z  | 5 ساعات و12 دقيقة
            until 2026-11-20T00:00:01.000Z  | أقل من دقيقة
            until 2026-11-19T00:00:00.000Z  | الآن
            ",
        );
    }

    #[test]
    fn languages() {
        check(
            "
            tag     en-GB    | Some(English)
            tag     ZH-hans  | Some(SimplifiedChinese)
            tag     ar-EG    | Some(Arabic)
            tag     english  | None
            header  zh-CN,zh;q=0.9,en;q=0.8       | SimplifiedChinese
            header  en;q=0.5, ar;q=0.9            | Arabic
            header  fr-FR, de;q=0.9, ar-EG;q=0.1  | Arabic
            header  ar;q=0, zh;q=0.001            | SimplifiedChinese
            header  ar;q=0.3, *;q=0.8             | English
            header  ar ; Q = 1.000 , en;q=0.999   | Arabic
            header  ,;,;q=,zh                     | SimplifiedChinese
            ",
        );
        for language in Language::ALL {
            assert_eq!(Language::parse(language.tag()), Some(language));
        }
    }

    #[test]
    fn what_is_not_what_it_should_be_stays() {
        let format = Format::new(Language::Arabic, "Asia/Tokyo");
        for text in ["", "-", ".", ".5", "5.", "--1", "+1", "1e9", "1,000", " 1", "1.2.3", "NaN", "١٢", "1.-5", "-.5", "<b>"] {
            let numbers = [format.amount(text), format.amount_signed(text), format.amount_display(text, 4)];
            let days = [format.percent(text), format.day(text), format.day_short(text), format.until("2026-01-01T00:00:00Z", text)];
            let instants = [format.instant(text), format.utc(text), format.zone_offset(text)];
            assert!([&numbers[..], &days[..], &instants[..]].concat().iter().all(|shown| shown == text), "{text}");
            assert_eq!((format.percent_of(text, "1"), format.percent_of("1", text)), (None, None), "{text}");
        }
        assert_eq!(format.percent_of(&format!("0.{}", "1".repeat(70_000)), "1"), None);
    }
}
