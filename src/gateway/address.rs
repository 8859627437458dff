//! Where requests come from.

use std::net::{IpAddr, Ipv6Addr};

use axum::http::HeaderMap;

/// Where a request came from that went through proxies: the last address that is none of ours, or the first if all are.
/// What stands before that, anybody may have written.
pub(super) fn forwarded(headers: &HeaderMap, proxies: &[IpAddr]) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let addresses: Vec<_> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let known: Vec<_> =
        addresses.into_iter().rev().map_while(|address| address.parse().ok()).collect();
    let foreign = known.iter().find(|address| !proxies.contains(address));
    foreign.or(known.last()).copied()
}

/// The smallest network that is given to one customer: an address, or in IPv6 all that share its first half.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_says_for_themselves_where_they_come_from() {
        let proxies = ["127.0.0.1".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        let from = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            forwarded(&headers, &proxies).map(|address| address.to_string())
        };
        assert_eq!(from(&["1.1.1.1, 2.2.2.2"]).as_deref(), Some("2.2.2.2"));
        assert_eq!(from(&["1.1.1.1", "2.2.2.2, 10.0.0.1"]).as_deref(), Some("2.2.2.2"));
        assert_eq!(from(&["127.0.0.1"]).as_deref(), Some("127.0.0.1"));
        assert_eq!(from(&["1.1.1.1, nonsense"]), None);
        assert_eq!(from(&[]), None);
    }

    #[test]
    fn whoever_has_a_network_of_ipv6_is_one() {
        let network = |text: &str| super::network(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:10.0.0.7"), "10.0.0.7");
    }
}
