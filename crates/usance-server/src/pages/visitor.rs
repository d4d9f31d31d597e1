//! Who looks at a page, and how: the session's customer, and the language, time zone, theme and hidden balances that the
//! browser keeps in cookies.
//!
//! A form is read only when it comes from this site (`Sec-Fetch-Site`, else `Origin` against `Host`) and, once somebody is
//! signed in, carries the session's own token.

use crate::app::App;
use crate::auth::device::KNOWN_MS;
use crate::auth::factor::Asking;
use crate::auth::identity::{Identity, address_class};
use crate::auth::session::Glance;
use crate::look::format::{Format, Language};
use crate::look::words::Words;
use crate::pages::form_token::FormToken;
use crate::wire::input::unread;
use crate::wire::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr};
use usance_engine::caller::Caller;
use usance_engine::people::secret_hash;
use usance_store::SessionRecord;
use usance_store::secrets::Purpose;

/// The cookie that holds a session's secret.
const SESSION: &str = "usance_session";
/// The same where customers come over HTTPS: browsers then refuse to have it set by anybody else.
const SESSION_HTTPS: &str = "__Host-usance_session";
/// The cookie of a device on which somebody has signed in before; it opens nothing.
const DEVICE: &str = "usance_device";
/// The same over HTTPS.
const DEVICE_HTTPS: &str = "__Host-usance_device";
/// A choice of how pages look is kept this long, seconds.
const LOOK_SECONDS: u32 = 365 * 24 * 60 * 60;

/// Light, dark, or as the device is set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the device is set.
    #[default]
    Device,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// Every theme.
    pub const ALL: [Theme; 3] = [Theme::Device, Theme::Light, Theme::Dark];

    /// The word in the cookie and in the page.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Theme::Device => "device",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }
}

/// How pages look to somebody.
#[derive(Clone, Debug)]
pub struct Look {
    /// How numbers and times are written.
    pub format: Format,
    /// What is said.
    pub words: Words,
    /// Light or dark.
    pub theme: Theme,
    /// Whether own amounts are covered.
    pub hides: bool,
    /// Whether the time zone was chosen, or is UTC for want of a choice.
    pub zone_chosen: bool,
}

impl Look {
    fn of(headers: &HeaderMap) -> Look {
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let language = cookie(headers, "usance_language").and_then(Language::parse).unwrap_or_else(|| Language::preferred(accepted));
        // A browser's script writes the zone's name with its slashes escaped.
        let zone = cookie(headers, "usance_zone").map(|name| name.replace("%2F", "/").replace("%2f", "/").replace("%2B", "+"));
        let zone = zone.filter(|name| Format::is_zone(name));
        let theme = Theme::ALL.into_iter().find(|theme| cookie(headers, "usance_theme") == Some(theme.word())).unwrap_or_default();
        Look {
            zone_chosen: zone.is_some(),
            format: Format::new(language, zone.as_deref().unwrap_or("UTC")),
            words: Words::new(language),
            theme,
            hides: cookie(headers, "usance_hide") == Some("1"),
        }
    }
}

/// A customer who has signed in.
#[derive(Clone, Debug)]
pub struct Signed {
    /// For whom requests act: what the customer's token would act for.
    pub caller: Caller,
    /// The session.
    pub session: SessionRecord,
    /// What a form of this session carries.
    pub form_token: FormToken,
}

impl Signed {
    /// The customer.
    #[must_use]
    pub fn customer(&self) -> &str {
        self.caller.customer.as_deref().unwrap_or("")
    }

    /// Whose rates its requests count for.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::of_session(self.customer(), self.session.id)
    }
}

/// Somebody who looks at a page.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// How pages look.
    pub look: Look,
    /// Who, once signed in.
    pub signed: Option<Signed>,
    /// Where they are, where that is known.
    pub address: Option<IpAddr>,
    /// Whether only the changing part of a page is asked for.
    pub wants_fragment: bool,
}

impl Visitor {
    /// The sender of a request for a page.
    ///
    /// # Errors
    /// 503 when sessions cannot be read, 400 for two sessions or devices at once.
    pub fn of(app: &App, headers: &HeaderMap, address: Option<IpAddr>) -> Result<Visitor, Problem> {
        for name in [session_cookie(app.site.https), device_cookie_name(app.site.https)] {
            if cookies(headers, name).nth(1).is_some() {
                return Err(
                    Problem::malformed(format!("the cookie {name} came twice; delete this site's cookies")).with("header", "cookie")
                );
            }
        }
        let wants_fragment = headers.get("hx-request-type").is_some_and(|value| value.as_bytes() == b"partial");
        let glance = if wants_fragment { Glance::Polled } else { Glance::Used };
        let secret = cookie(headers, session_cookie(app.site.https));
        let session = secret.map(|secret| app.auth.session(secret, glance)).transpose()?.flatten();
        let signed = match session.zip(secret) {
            Some((session, secret)) => Some(Signed {
                caller: Caller {
                    actor: Some(Identity::of_session(&session.customer, session.id).actor(address_class(address))),
                    ..Caller::customer(&session.customer)
                },
                session,
                form_token: FormToken::of(&blake3::keyed_hash(&app.auth.key(Purpose::Forms)?, &secret_hash(secret))),
            }),
            None => None,
        };
        Ok(Visitor { look: Look::of(headers), signed, address, wants_fragment })
    }

    /// The customer who asks for a change of the way in.
    ///
    /// # Errors
    /// 401.
    pub fn asking(&self) -> Result<Asking<'_>, Problem> {
        let Signed { caller, session, .. } = self.customer()?;
        let address = self.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(Asking { session, address, actor: caller.actor })
    }

    /// A sender of whom nothing is believed but how pages look to it.
    #[must_use]
    pub fn stranger(headers: &HeaderMap) -> Visitor {
        Visitor { look: Look::of(headers), signed: None, address: None, wants_fragment: false }
    }

    /// The customer of a page that only customers see.
    ///
    /// # Errors
    /// 401.
    pub fn customer(&self) -> Result<&Signed, Problem> {
        self.signed.as_ref().ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Sign in first."))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        // The guard of every page puts it there.
        parts.extensions.get::<Visitor>().cloned().ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "Sign in first."))
    }
}

/// The value of a cookie.
fn cookie<'a>(headers: &'a HeaderMap, name: &'a str) -> Option<&'a str> {
    cookies(headers, name).next()
}

/// Every value that a cookie came with: a browser that was made to keep two of one name sends both.
fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|line| line.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).filter(move |(own, _)| *own == name).map(|(_, value)| value)
}

const fn session_cookie(https: bool) -> &'static str {
    if https { SESSION_HTTPS } else { SESSION }
}

const fn device_cookie_name(https: bool) -> &'static str {
    if https { DEVICE_HTTPS } else { DEVICE }
}

/// The header that hands a session to a browser.
#[must_use]
pub fn keep_session(https: bool, secret: &str) -> HeaderValue {
    // Without an age it ends with the browser; the session itself ends by its own clock. Lax, not strict: a customer who
    // follows a link from the exchange is still signed in.
    let secure = if https { "; Secure" } else { "" };
    header_value(&format!("{}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}", session_cookie(https)))
}

/// The header that takes a session from a browser.
#[must_use]
pub fn drop_session(https: bool) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    header_value(&format!("{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}", session_cookie(https)))
}

/// What a browser says of itself as a device on which somebody has signed in before.
#[must_use]
pub fn device_cookie(headers: &HeaderMap, https: bool) -> Option<&str> {
    cookie(headers, device_cookie_name(https))
}

/// The header that lets a browser say so. It stays when the customer signs out: that is when it is needed.
#[must_use]
pub fn keep_device(https: bool, value: &str) -> HeaderValue {
    let (name, secure) = (device_cookie_name(https), if https { "; Secure" } else { "" });
    let seconds = KNOWN_MS / 1000;
    header_value(&format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"))
}

/// The header that keeps a choice of how pages look. Scripts may read it; it says nothing about anybody.
#[must_use]
pub fn keep_look(https: bool, name: &str, value: &str) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    header_value(&format!("{name}={value}; Path=/; Max-Age={LOOK_SECONDS}; SameSite=Lax{secure}"))
}

fn header_value(text: &str) -> HeaderValue {
    // The parts are checked words; anything else would leave the header empty, and the browser as it was.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Whether a request that changes something comes from a page of this site.
///
/// # Errors
/// 403 `cross_site`.
pub fn same_site(headers: &HeaderMap, https: bool) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let own = match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let of_scheme = |(scheme, host): (&str, &str)| (!https || scheme == "https").then(|| host.to_owned());
            let host = origin.split_once("://").and_then(of_scheme);
            host.is_some() && host.as_deref() == text("host")
        }
        // No browser that keeps to SameSite sends a form without both; what is none has no cookie to steal.
        (None, None) => true,
    };
    if own { Ok(()) } else { Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", "This form was sent from another site.")) }
}

/// A form that was sent from a page of this site and, when somebody is signed in, of this session.
pub struct Form<T>(pub T);

/// What every form of a session carries.
#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    form_token: String,
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let wanted =
            request.extensions().get::<Visitor>().and_then(|visitor| visitor.signed.as_ref()).map(|signed| signed.form_token.clone());
        let bytes = axum::body::Bytes::from_request(request, state).await.map_err(|refused| unread(&refused))?;
        if let Some(wanted) = wanted {
            let sent: Token = serde_urlencoded::from_bytes(&bytes).map_err(|error| Problem::malformed(error.to_string()))?;
            if !wanted.is(&sent.form_token) {
                return Err(Problem::new(StatusCode::FORBIDDEN, "form_expired", "This form belongs to another session; open it again."));
            }
        }
        serde_urlencoded::from_bytes(&bytes).map(Form).map_err(|error| Problem::malformed(error.to_string()))
    }
}
