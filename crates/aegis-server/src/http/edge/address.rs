//! Where a request really came from.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The origin of a request, as far as trusted parties vouch for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) client: IpAddr,
    /// A trusted proxy says that the request reached it without TLS.
    pub(super) in_the_clear: bool,
}

/// Without a trusted proxy the peer is the client and forwarding headers are anybody's claim. Behind one,
/// each hop vouches for the address before it; the right-most address that is no trusted proxy counts.
pub(super) fn origin(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Origin {
    // A dual-stack socket shows IPv4 peers as ::ffff:a.b.c.d; lists name them as IPv4.
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|net| net.contains(&address));
    if trusted.is_empty() || !is_trusted(peer) {
        return Origin { client: peer, in_the_clear: false };
    }
    let mut client = peer;
    for hop in items(headers, &X_FORWARDED_FOR).rev() {
        let Some(address) = parse(hop) else { break };
        client = address;
        if !is_trusted(address) {
            break;
        }
    }
    let in_the_clear = items(headers, &X_FORWARDED_PROTO).any(|scheme| scheme.eq_ignore_ascii_case("http"));
    Origin { client, in_the_clear }
}

/// The comma-separated items of all lines of a header, in order.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl DoubleEndedIterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
}

/// `192.0.2.1`, `192.0.2.1:1234`, `2001:db8::1` or `[2001:db8::1]:1234`.
fn parse(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        origin(peer.parse().unwrap(), &headers, &trusted).client.to_string()
    }

    /// Forwarded addresses count only behind trusted proxies, from the right, up to the first stranger.
    #[test]
    fn right_most_untrusted_counts() {
        let nets = ["10.0.0.0/8", "::1/128"];
        assert_eq!(client("203.0.113.9", &["198.51.100.1"], &nets), "203.0.113.9");
        assert_eq!(client("10.0.0.1", &["198.51.100.1"], &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1, 198.51.100.1"], &nets), "198.51.100.1");
        assert_eq!(client("10.0.0.1", &["1.1.1.1", "198.51.100.1:443, 10.2.2.2"], &nets), "198.51.100.1");
        assert_eq!(client("::ffff:10.0.0.1", &["[2001:db8::5]:99"], &nets), "2001:db8::5");
        assert_eq!(client("10.0.0.1", &["10.0.0.7"], &nets), "10.0.0.7");
        assert_eq!(client("10.0.0.1", &["198.51.100.1, unknown"], &nets), "10.0.0.1");
        assert_eq!(client("::1", &[], &nets), "::1");
    }

    /// The scheme counts from a trusted proxy only.
    #[test]
    fn scheme_is_the_proxys_word() {
        let headers = HeaderMap::from_iter([(X_FORWARDED_PROTO, HeaderValue::from_static("HTTP"))]);
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert!(origin("10.1.1.1".parse().unwrap(), &headers, &trusted).in_the_clear);
        assert!(!origin("11.1.1.1".parse().unwrap(), &headers, &trusted).in_the_clear);
        assert!(!origin("10.1.1.1".parse().unwrap(), &HeaderMap::new(), &trusted).in_the_clear);
    }
}
