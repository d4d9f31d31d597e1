//! Where a request comes from: the peer of its connection, or what a trusted proxy says of it.
//!
//! `X-Forwarded-For` is believed only from addresses that the operator named (`--trusted-proxy`), and only as far as the
//! chain of trusted proxies goes: whatever stands to the left of the first stranger was written by that stranger. This
//! refuses to guess: an entry that is no address ends the chain. What is counted by address is in `attempts`.

use axum::http::HeaderMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Once;

/// Bits of the prefix that one customer's line usually has to itself (RFC 6177): all its addresses count as one.
const LINE_BITS: u32 = 64;

/// A range of addresses: `10.0.0.0/8`, or one address alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    first: IpAddr,
    bits: u32,
}

impl Subnet {
    fn holds(&self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros() >= self.bits,
            (IpAddr::V6(own), IpAddr::V6(other)) => (own.to_bits() ^ other.to_bits()).leading_zeros() >= self.bits,
            _ => false,
        }
    }
}

impl FromStr for Subnet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an address like 10.0.0.7, or a range like 10.0.0.0/8 or fd00::/8");
        let text = text.trim();
        let (first, bits) = text.split_once('/').map_or((text, None), |(first, bits)| (first, Some(bits)));
        let first: IpAddr = first.parse().map_err(|_| wrong())?;
        let most = if first.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits <= most { Ok(Subnet { first, bits }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.first, self.bits)
    }
}

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(pub Vec<Subnet>);

impl Proxies {
    /// Whether an address is a trusted proxy's.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.holds(address))
    }

    /// Where a request comes from: the nearest address that is not a trusted proxy's.
    #[must_use]
    pub fn source(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let lines: Vec<&str> = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or("")).collect();
        let mut said = lines.iter().rev().flat_map(|line| line.rsplit(','));
        let mut nearest = peer.to_canonical();
        if !lines.is_empty() && !self.holds(nearest) {
            warn_of_stranger(nearest);
        }
        while self.holds(nearest) {
            match said.next().and_then(address) {
                Some(before) => nearest = before,
                None => break,
            }
        }
        nearest
    }
}

/// Says once that somebody who is not believed says where others are: it may be a proxy that was forgotten.
fn warn_of_stranger(peer: IpAddr) {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        tracing::warn!(%peer, "X-Forwarded-For comes from an address that no --trusted-proxy names: if that is your proxy, all customers behind it count as one");
    });
}

/// An address as proxies write it: bare, or with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(bare, _)| bare);
    let with_port = text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    bare.unwrap_or(text).parse().ok().or(with_port).map(|address: IpAddr| address.to_canonical())
}

/// The line behind an address: itself, and for IPv6 its /64, of which whoever has one address has all.
#[must_use]
pub fn line(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(own) => IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() >> LINE_BITS << LINE_BITS)),
        own => own,
    }
}

/// The network around an address: what one holder of many addresses often has whole.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(own) => IpAddr::V4(Ipv4Addr::from_bits(own.to_bits() >> 8 << 8)),
        IpAddr::V6(own) => IpAddr::V6(Ipv6Addr::from_bits(own.to_bits() >> 80 << 80)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_trusted_proxies_are_believed_and_only_as_far_as_they_go() {
        let rows = [
            // trusted, peer, X-Forwarded-For, source
            ("", "10.0.0.1", "9.9.9.9", "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", "9.9.9.9", "9.9.9.9"),
            ("10.0.0.0/8", "11.0.0.1", "9.9.9.9", "11.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", "1.1.1.1, 9.9.9.9", "9.9.9.9"),
            ("10.0.0.0/8", "10.0.0.1", "1.1.1.1, 9.9.9.9, 10.2.0.1", "9.9.9.9"),
            ("10.0.0.0/8", "10.0.0.1", "1.1.1.1|9.9.9.9", "9.9.9.9"),
            ("10.0.0.0/8", "10.0.0.1", "9.9.9.9, unknown", "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.0/8", "10.0.0.1", "9.9.9.9:4711", "9.9.9.9"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:9.9.9.9", "9.9.9.9"),
            ("fd00::/8", "fd00::1", "[2001:db8::7]:4711", "2001:db8::7"),
            ("fd00::1", "fd00::2", "2001:db8::7", "fd00::2"),
            ("0.0.0.0/0", "10.0.0.1", "1.1.1.1, 9.9.9.9", "1.1.1.1"),
        ];
        for (trusted, peer, said, source) in rows {
            let proxies = Proxies(trusted.split(' ').filter(|one| !one.is_empty()).map(|one| one.parse().unwrap()).collect());
            let mut headers = HeaderMap::new();
            for line in said.split('|').filter(|line| !line.is_empty()) {
                headers.append("x-forwarded-for", HeaderValue::from_str(line).unwrap());
            }
            assert_eq!(proxies.source(&headers, peer.parse().unwrap()), source.parse::<IpAddr>().unwrap(), "{trusted} {peer} {said}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "proxy", "10.0.0.1/", "10.0.0.1/-1"] {
            assert!(text.parse::<Subnet>().is_err(), "{text}");
        }
        assert_eq!(" 10.0.0.0/8 ".parse::<Subnet>().unwrap().to_string(), "10.0.0.0/8");
        assert_eq!("10.0.0.7".parse::<Subnet>().unwrap().to_string(), "10.0.0.7/32");
    }

    #[test]
    fn a_line_of_ipv6_is_a_64_and_a_network_a_24_or_48() {
        let network_of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!([network_of("9.9.9.9"), network_of("2001:db8:1:2::3")], ["9.9.9.0", "2001:db8:1::"]);
        let line_of = |text: &str| line(text.parse().unwrap()).to_string();
        assert_eq!(line_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(line_of("::ffff:9.9.9.9"), "9.9.9.9");
        assert_eq!(line_of("9.9.9.9"), "9.9.9.9");
    }
}
