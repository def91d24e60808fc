//! That the kernel says nothing by itself.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use sidestream_tun::Tun;
use tokio::time::timeout;

use crate::ground::{block_on, in_own_network, ip, next};

/// The kernel asks for routers within two seconds.
const LISTENED: Duration = Duration::from_secs(4);

#[test]
fn nothing_is_heard_until_a_program_speaks() {
    if !in_own_network(module_path!(), "nothing_is_heard_until_a_program_speaks") {
        return;
    }
    let (v4, v6): (IpAddr, IpAddr) = ("198.18.0.1".parse().unwrap(), "fd00::1".parse().unwrap());
    let (r4, r6): (IpAddr, IpAddr) = ("0.0.0.0".parse().unwrap(), "::".parse().unwrap());
    let builder = Tun::builder().name("quiet").address(v4, 24).address(v6, 64);
    let tun = builder.route(r4, 0).route(r6, 0).open().unwrap();
    let mut queue = tun.into_queues().remove(0);
    // No address but those, and no part in multicast.
    assert_eq!(ip("-o addr show dev quiet").lines().count(), 2);
    assert!(!ip("link show quiet").contains("MULTICAST"));
    block_on(async {
        let heard = timeout(LISTENED, next(&mut queue)).await;
        assert!(heard.is_err(), "{heard:?}");
        let socket = UdpSocket::bind("198.18.0.1:0").unwrap();
        socket.send_to(b"spoken", "198.18.0.2:9").unwrap();
        let (packet, _) = next(&mut queue).await.unwrap();
        assert!(packet.ends_with(b"spoken"));
        // A device as any other would have been heard.
        ip("link set quiet down");
        ip("link set quiet addrgenmode eui64 multicast on");
        fs::write("/proc/sys/net/ipv6/conf/quiet/accept_ra", "1").unwrap();
        ip("link set quiet up");
        let heard = timeout(Duration::from_secs(60), next(&mut queue)).await;
        let (packet, _) = heard.unwrap().unwrap();
        assert_eq!(packet[0] >> 4, 6);
    });
}
