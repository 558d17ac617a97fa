//! Which IP addresses outgoing HTTP may reach: the public Internet, and what `--allow-network` adds.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    sync::Arc,
};

use ipnet::IpNet;

/// The networks beyond the public Internet that HTTPS federation, previews and pushers may connect to; none by default.
#[derive(Clone, Debug, Default)]
pub struct AllowedNetworks(Arc<[IpNet]>);

impl AllowedNetworks {
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        Self(networks.into_iter().collect())
    }

    /// Whether a connection to this address may be opened.
    pub fn permit(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|network| network.contains(&address))
    }
}

/// True for addresses that are routed in the public Internet (the IANA special-purpose registries, 2025).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => {
            let [first, second, ..] = v6.segments();
            if first == 0x64 && second == 0xff9b {
                // NAT64: the last 32 bits are the IPv4 address that is really reached (64:ff9b:1::/48 is private).
                let [.., third, a, b, c, d] = v6.octets();
                return v6.segments().get(2..6).is_some_and(|middle| middle.iter().all(|part| *part == 0))
                    && third == 0
                    && is_public_v4(Ipv4Addr::new(a, b, c, d));
            }
            // 2000::/3 is all that is routed. Inside it: 2001::/23 (Teredo, ORCHID, benchmarking), documentation, 6to4, SRv6.
            let global_unicast = first & 0xe000 == 0x2000;
            let special = (first == 0x2001 && (second < 0x0200 || second == 0x0db8))
                || first == 0x2002
                || (first == 0x3fff && second < 0x1000);
            global_unicast && !special
        }
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || a == 0
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18)
        || a >= 224;
    !special
}

/// Whether this computer has a route to `target`, or to the Internet at all when there is no target. Sends nothing:
/// connecting a UDP socket only asks the system's routing table.
pub fn has_route(target: Option<IpAddr>) -> bool {
    let reaches = |address: IpAddr| {
        let local: SocketAddr = if address.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
        UdpSocket::bind(local).and_then(|socket| socket.connect((address, 9))).is_ok()
    };
    match target {
        Some(address) => reaches(address),
        None => {
            reaches(IpAddr::from([1, 1, 1, 1])) || reaches(IpAddr::from([0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111]))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{AllowedNetworks, has_route};

    fn permits(networks: &AllowedNetworks, address: &str) -> bool {
        networks.permit(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn the_internet_is_permitted_and_everything_near_us_is_not() {
        let none = AllowedNetworks::default();
        for public in
            ["1.1.1.1", "172.15.0.1", "100.63.0.1", "198.17.0.1", "2606:4700::1", "2a00::1", "64:ff9b::101:101"]
        {
            assert!(permits(&none, public), "{public}");
        }
        for near in [
            "127.0.0.1",
            "127.9.9.9",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "240.0.0.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::101:101",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "fec0::1",
        ] {
            assert!(!permits(&none, near), "{near}");
        }
    }

    #[test]
    fn an_allowed_network_is_permitted_in_either_spelling() {
        let lan = AllowedNetworks::new(["127.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        assert!(permits(&lan, "127.0.0.1"));
        assert!(permits(&lan, "::ffff:127.0.0.1"));
        assert!(permits(&lan, "fd00::5"));
        assert!(!permits(&lan, "10.0.0.1"));
        assert!(!permits(&lan, "::1"));
    }

    #[test]
    fn loopback_has_a_route() {
        assert!(has_route(Some([127, 0, 0, 1].into())));
    }
}
