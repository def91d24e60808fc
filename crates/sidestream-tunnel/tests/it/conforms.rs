//! The suite that every driver passes, for devices with and without offloads, and over links that
//! lose, reorder, repeat and delay.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use sidestream_capture::{BoxFuture, Capture, PacketDriver};
use sidestream_capture_test::sockets::{connected, datagrams};
use sidestream_capture_test::{Config, Connected, Datagrams, Family, Ground};
use sidestream_tun::Queue;
use sidestream_tunnel::{Settings, Tunnel};
use socket2::Type;
use tokio::net::{TcpSocket, UdpSocket};

use crate::place::{Clients, SERVER_V4, SERVER_V6, enter};
use crate::shaped::{Profile, Shaped};

/// A device, and the clients behind it, over a link.
struct Behind {
    clients: Clients,
    queue: Mutex<Option<Queue>>,
    link: Option<Profile>,
}

impl Behind {
    fn new(mtu: u32, offloads: bool) -> Self {
        let (clients, queue) = Clients::new(mtu, offloads);
        Self { clients, queue: Mutex::new(Some(queue)), link: None }
    }

    /// Puts a link before a device without offloads.
    fn over(link: Profile) -> Self {
        Self { link: Some(link), ..Self::new(1500, false) }
    }
}

impl Ground for Behind {
    fn capture(&mut self) -> Box<dyn Capture> {
        let queue = self.queue.lock().unwrap().take().unwrap();
        let driver: Box<dyn PacketDriver> = match self.link {
            Some(link) => Box::new(Shaped::new(queue, link, 42).0),
            None => Box::new(queue),
        };
        Box::new(Tunnel::start(driver, Settings::new("tun", 7)))
    }

    fn adjust(&self, config: &mut Config) {
        if self.link.is_some() {
            config.transfer_bytes = config.transfer_bytes.min(2 << 20);
            config.flows = config.flows.min(100);
        }
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let made = self.clients.clone().socket(Family::of(server), Type::STREAM);
        Box::pin(async move {
            let socket = TcpSocket::from_std_stream(made.await?.into());
            connected(socket.connect(server).await?)
        })
    }

    fn open_udp(&self, family: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        let made = self.clients.clone().socket(family, Type::DGRAM);
        Box::pin(async move { datagrams(UdpSocket::from_std(made.await?.into())?) })
    }

    fn server_ip(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::V4 => Some(SERVER_V4.parse().unwrap()),
            Family::V6 => {
                sidestream_testkit::has_ipv6_loopback().then(|| SERVER_V6.parse().unwrap())
            }
        }
    }
}

/// What a device of packets can do: it knows no processes and takes no specs.
macro_rules! suite {
    ($ground:expr) => {
        sidestream_capture_test::suite!(before enter(); $ground;
            relays_tcp_both_ways
            carries_half_close_each_way
            carries_a_reset_each_way
            shows_a_refusal_as_its_capabilities_say
            carries_a_large_transfer_unchanged
            carries_many_flows_at_once
            bounds_what_waits_for_a_slow_reader
            keeps_udp_datagrams_whole
            keeps_udp_servers_apart
            captures_ipv6
            captures_ipv4_over_ipv6_sockets
            tells_the_original_five_tuple
            survives_a_client_that_leaves_early
            ends_when_it_is_dropped
        );
    };
}
pub(crate) use suite as suite_of_packets;

/// As the kernel likes it best: large packets, and checksums left to the receiver.
mod with_offloads {
    use super::*;

    suite!(Behind::new(65_520, true));
}

/// What an Ethernet carries, in large pieces.
mod with_offloads_at_1500 {
    use super::*;

    suite!(Behind::new(1500, true));
}

/// As on a wire: small packets, each with its checksums.
mod without_offloads {
    use super::*;

    suite!(Behind::new(1500, false));
}

const SOUND: Profile = Profile {
    loss: 0,
    reorder: 0,
    duplicate: 0,
    delay: Duration::from_millis(1),
    opens_at_once: false,
};

/// As a radio that is well received.
mod over_a_link_that_loses {
    use super::*;

    suite!(Behind::over(Profile { loss: 10, ..SOUND }));
}

mod over_a_link_that_loses_and_reorders {
    use super::*;

    suite!(Behind::over(Profile { loss: 50, reorder: 100, ..SOUND }));
}

mod over_a_link_that_is_slow_and_repeats {
    use super::*;

    suite!(Behind::over(Profile { duplicate: 50, delay: Duration::from_millis(20), ..SOUND }));
}

mod over_a_link_that_does_all_of_it {
    use super::*;

    const ALL: Profile = Profile {
        loss: 30,
        reorder: 100,
        duplicate: 30,
        delay: Duration::from_millis(10),
        ..SOUND
    };

    suite!(Behind::over(ALL));
}
