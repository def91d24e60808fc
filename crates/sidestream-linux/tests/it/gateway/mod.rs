//! The suite that every driver passes, for a gateway, and what the suite cannot see.

mod place;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::task::{Context, Poll};

use sidestream_capture::{BoxFuture, Capabilities, Capture, Incoming};
use sidestream_capture_test::sockets::{connected, datagrams};
use sidestream_capture_test::{Connected, Datagrams, Family, Ground};
use sidestream_linux::{
    TransparentCapture, TransparentError, TransparentOptions, clear_gateway, gateway_status,
};
use sidestream_testkit::has_ipv6_loopback;
use socket2::Type;
use tokio::net::{TcpSocket, UdpSocket};

use self::place::{Clients, Gateway, LAN, SERVER_V4, SERVER_V6, enter, ip};

/// A gateway, and the clients behind it.
struct Behind {
    clients: Clients,
    capture: Mutex<Option<There>>,
}

/// A driver that works in the gateway's network namespace, on whatever thread.
struct There(Option<TransparentCapture>, Gateway);

impl Capture for There {
    fn poll_incoming(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Incoming>>> {
        let Self(capture, gateway) = self;
        gateway.within(|| capture.as_mut().unwrap().poll_incoming(cx))
    }

    fn capabilities(&self) -> Capabilities {
        self.0.as_ref().unwrap().capabilities()
    }
}

impl Drop for There {
    fn drop(&mut self) {
        let capture = self.0.take();
        self.1.within(|| drop(capture));
    }
}

impl Behind {
    fn new() -> Self {
        let (clients, gateway) = Clients::new();
        let capture = gateway.within(|| TransparentCapture::open(options()).unwrap());
        Self { clients, capture: Mutex::new(Some(There(Some(capture), gateway))) }
    }
}

/// Listens on loopback alone, and takes what the clients send.
fn options() -> TransparentOptions {
    let mut listen = vec!["127.0.0.1:0".parse().unwrap()];
    if has_ipv6_loopback() {
        listen.push("[::1]:0".parse().unwrap());
    }
    let mut options = TransparentOptions::new(listen);
    options.interfaces.push(LAN.to_owned());
    options
}

impl Ground for Behind {
    fn capture(&mut self) -> Box<dyn Capture> {
        Box::new(self.capture.get_mut().unwrap().take().unwrap())
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
            Family::V6 => has_ipv6_loopback().then(|| SERVER_V6.parse().unwrap()),
        }
    }
}

/// What a gateway can do: it knows no processes and takes no specs.
mod conforms {
    use super::*;

    sidestream_capture_test::suite!(before enter(); Behind::new();
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
}

/// Runs within a network of the test's own, or skips the test.
fn within(test: &str, body: impl AsyncFnOnce()) {
    if let Err(skip) = enter() {
        return sidestream_testkit::skip(test, &skip.0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (_clients, gateway) = Clients::new();
    gateway.within(|| runtime.block_on(body()));
}

/// What can be seen of rules and routes from outside.
fn rules() -> String {
    ["-4 rule", "-6 rule", "-4 route show table all", "-6 route show table all"]
        .map(|what| {
            // What has been learned of neighbors comes and goes.
            let lines = ip(what);
            let lines =
                lines.lines().filter(|line| !line.contains("fe80") && !line.contains("ff00"));
            lines.map(|line| format!("{line}\n")).collect::<String>()
        })
        .concat()
}

#[test]
fn nothing_is_left_of_a_gateway_and_a_second_one_is_told_who_holds_it() {
    within("nothing_is_left_of_a_gateway_and_a_second_one_is_told_who_holds_it", async || {
        let before = rules();
        let gateway = TransparentCapture::open(options()).unwrap();
        assert_ne!(rules(), before);
        let holder = format!("pid {} on {LAN}", std::process::id());
        let status = gateway_status().unwrap();
        assert_eq!(status.holder.as_ref(), Some(&holder));
        assert_eq!(status.entries, if has_ipv6_loopback() { 4 } else { 2 });
        for refused in [TransparentCapture::open(options()).map(drop), clear_gateway().map(drop)] {
            let Err(TransparentError::Held { holder: told }) = refused else {
                panic!("a gateway beside another: {refused:?}")
            };
            assert_eq!(told, holder);
        }
        drop(gateway);
        assert_eq!(rules(), before);
        assert_eq!(gateway_status().unwrap(), Default::default());
    });
}

#[test]
fn what_a_killed_gateway_left_goes_at_the_next_start_and_when_asked() {
    within("what_a_killed_gateway_left_goes_at_the_next_start_and_when_asked", async || {
        let before = rules();
        leave();
        assert_eq!(gateway_status().unwrap().entries, 2);
        drop(TransparentCapture::open(options()).unwrap());
        assert_eq!(rules(), before);
        leave();
        assert_eq!(clear_gateway().unwrap(), 2);
        assert_eq!(rules(), before);
    });
}

/// Leaves what a kill leaves: the kernel has removed the table already.
fn leave() {
    ip("rule add pref 100 iif lan fwmark 0x53530003 lookup 1397948419 protocol 83");
    ip("route add local default dev lo table 1397948419 proto 83");
}

#[test]
fn an_interface_that_is_not_there_is_named_and_nothing_is_left() {
    within("an_interface_that_is_not_there_is_named_and_nothing_is_left", async || {
        let before = rules();
        let mut options = options();
        options.interfaces.push("wan".into());
        let error = TransparentCapture::open(options).unwrap_err();
        assert_eq!(error.to_string(), "there is no interface \"wan\", `ip link` lists them");
        assert_eq!(rules(), before);
        assert_eq!(gateway_status().unwrap(), Default::default());
    });
}

#[test]
fn a_connection_to_the_listener_itself_is_refused() {
    within("a_connection_to_the_listener_itself_is_refused", async || {
        let mut options = options();
        options.interfaces.clear();
        let mut gateway = TransparentCapture::open(options).unwrap();
        for addr in gateway.local_addrs().to_vec() {
            let mut client = std::net::TcpStream::connect(addr).unwrap();
            let datagrams = std::net::UdpSocket::bind((addr.ip(), 0)).unwrap();
            datagrams.send_to(b"hello?", addr).unwrap();
            client.set_nonblocking(true).unwrap();
            let mut cx = Context::from_waker(std::task::Waker::noop());
            let refused = loop {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                assert!(matches!(gateway.poll_incoming(&mut cx), Poll::Pending));
                match io::Read::read(&mut client, &mut [0]) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    read => break read,
                }
            };
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
    });
}
