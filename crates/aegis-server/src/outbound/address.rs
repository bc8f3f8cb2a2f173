//! Which addresses may be called: global unicast ones, whatever form they hide in. A rule over values, without IO.
//!
//! Ranges: the IANA special-purpose registries of both versions (RFC 6890 and its updates). IPv4 is refused by list,
//! because most of it is global; of IPv6 only `2000::/3` is in use at all, so everything else is refused unseen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 ranges that are not global unicast, as address and prefix length.
const REFUSED_V4: [(Ipv4Addr, u32); 15] = [
    // "This network"; many systems take 0.0.0.0 for loopback.
    (Ipv4Addr::UNSPECIFIED, 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    // Shared by carriers (CGNAT); clouds keep metadata services here too.
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    // Link-local, with the metadata services of clouds.
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    // IETF protocol assignments.
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    // Documentation: three nets.
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    // Deprecated relays of 6to4.
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    // Benchmarks.
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    // Multicast.
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    // Reserved, and the broadcast address.
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// Parts of `2000::/3` that are not global unicast.
const REFUSED_V6: [(Ipv6Addr, u32); 3] = [
    // IETF protocol assignments: Teredo, benchmarks, ORCHID.
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    // Documentation: two nets.
    (Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

const GLOBAL_V6: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// The well-known prefix of NAT64 (RFC 6052): the IPv4 address is the last 32 bits.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
/// 6to4 (RFC 3056): the IPv4 address is the 32 bits after the prefix.
const SIX_TO_FOUR: (Ipv6Addr, u32) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);

/// Whether `address` is global unicast, also when it is an IPv4 address in an IPv6 form (mapped, NAT64, 6to4).
pub fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_global_v4(v4),
        IpAddr::V6(v6) => match embedded(v6) {
            Some(v4) => is_global_v4(v4),
            None => within_v6(v6, GLOBAL_V6) && !REFUSED_V6.iter().any(|range| within_v6(v6, *range)),
        },
    }
}

/// Whether `address` is this machine itself; the IPv4-mapped form counts.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether an address may be called, where `loopback` opens the own machine and nothing else.
pub fn may_be_called(address: IpAddr, loopback: bool) -> bool {
    is_global(address) || (loopback && is_loopback(address))
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    !REFUSED_V4.iter().any(|(net, length)| same_prefix_v4(address, *net, *length))
}

/// The IPv4 address that an IPv6 form stands for.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = address.to_bits();
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Some(mapped);
    }
    if within_v6(address, NAT64) {
        return u32::try_from(bits & u128::from(u32::MAX)).ok().map(Ipv4Addr::from_bits);
    }
    if within_v6(address, SIX_TO_FOUR) {
        return u32::try_from((bits >> 80) & u128::from(u32::MAX)).ok().map(Ipv4Addr::from_bits);
    }
    None
}

fn same_prefix_v4(address: Ipv4Addr, net: Ipv4Addr, length: u32) -> bool {
    (address.to_bits() ^ net.to_bits()).leading_zeros() >= length
}

fn within_v6(address: Ipv6Addr, (net, length): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ net.to_bits()).leading_zeros() >= length
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GLOBAL: [&str; 14] = [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "198.17.255.255",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:800::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ];

    const REFUSED: [&str; 53] = [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "192.168.255.255",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::2",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:1::",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ];

    /// Every entry of the corpus is judged as listed; loopback opens loopback alone.
    #[test]
    fn judges_the_corpus() {
        for text in GLOBAL {
            assert!(is_global(text.parse().unwrap()), "{text} is global");
        }
        for text in REFUSED {
            let address: IpAddr = text.parse().unwrap();
            assert!(!is_global(address), "{text} is not global");
            let own = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1"].contains(&text);
            assert_eq!(may_be_called(address, true), own, "{text} where loopback is open");
            assert!(!may_be_called(address, false), "{text}");
        }
        for text in ["fec0::1", "5f00::1", "4000::1", "64:ff9c::1"] {
            assert!(!is_global(text.parse().unwrap()), "{text}");
        }
    }

    proptest! {
        /// An IPv4 address is judged the same in each of its IPv6 forms, and those agree with the standard library on
        /// what is private.
        #[test]
        fn forms_do_not_matter(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let plain = is_global(v4.into());
            let nat64 = Ipv6Addr::from_bits(NAT64.0.to_bits() | u128::from(bits));
            let tunnel = Ipv6Addr::from_bits(SIX_TO_FOUR.0.to_bits() | (u128::from(bits) << 80) | 1);
            for form in [v4.to_ipv6_mapped(), nat64, tunnel] {
                prop_assert_eq!(is_global(form.into()), plain, "{}", form);
            }
            if v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_multicast() {
                prop_assert!(!plain);
            }
        }

        /// Outside `2000::/3` nothing is global but what carries a global IPv4 address.
        #[test]
        fn the_rest_of_ipv6_is_closed(bits: u128) {
            let address = Ipv6Addr::from_bits(bits);
            if is_global(address.into()) {
                prop_assert!(within_v6(address, GLOBAL_V6) || embedded(address).is_some());
            }
        }
    }
}
