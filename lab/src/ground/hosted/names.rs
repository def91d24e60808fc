//! Addresses and names of hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::model::Family;
use crate::origin::Names;

/// The number of a host that is between the clients and everyone else.
pub const GATEWAY: usize = 254;

/// Returns the address of the host of that number, from 1.
#[must_use]
pub const fn address(number: usize, family: Family) -> IpAddr {
    // There are never so many that it would not fit.
    let last = (number & 0xff) as u8;
    match family {
        Family::V4 => IpAddr::V4(Ipv4Addr::new(10, 77, 0, last)),
        Family::V6 => IpAddr::V6(Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, last as u16)),
    }
}

/// Returns the addresses of hosts, the first of which is number 1, of one family or of both.
#[must_use]
pub fn names(hosts: &[&str], family: Option<Family>) -> Names {
    let families =
        Family::ALL.into_iter().filter(move |one| family.is_none_or(|only| only == *one));
    let addresses = |number| families.clone().map(|family| address(number, family)).collect();
    hosts.iter().zip(1..).map(|(host, number)| ((*host).to_owned(), addresses(number))).collect()
}

/// Puts names in the place of all hosts' addresses in a text.
pub(super) fn name_all(text: &str, hosts: &[&str]) -> String {
    // Longer numbers first, for one may be the beginning of another.
    let numbered: Vec<_> = hosts.iter().zip(1..).collect();
    numbered.into_iter().rev().fold(text.to_owned(), |text, (host, number)| {
        let [v4, v6] = Family::ALL.map(|family| address(number, family).to_string());
        text.replace(&format!("[{v6}]"), host).replace(&v6, host).replace(&v4, host)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_become_names() {
        let mut hosts = vec!["app", "origin"];
        hosts.extend(["h3", "h4", "h5", "h6", "h7", "h8", "h9", "ten"]);
        for (text, expected) in [
            ("10.77.0.2:80", "origin:80"),
            ("[fd77::2]:80", "origin:80"),
            ("from fd77::1 to 10.77.0.10", "from app to ten"),
            ("10.78.0.2:80", "10.78.0.2:80"),
        ] {
            assert_eq!(name_all(text, &hosts), expected);
        }
    }

    #[test]
    fn hosts_have_addresses_in_their_order() {
        let both = names(&["app", "origin"], None);
        assert_eq!(format!("{:?}", both["origin"]), "[10.77.0.2, fd77::2]");
        let v6 = names(&["app", "origin"], Some(Family::V6));
        assert_eq!(format!("{:?}", v6["app"]), "[fd77::1]");
    }
}
