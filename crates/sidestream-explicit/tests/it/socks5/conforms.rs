//! The suite that every driver passes, for clients that ask for their servers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use sidestream_capture::{BoxFuture, Capture};
use sidestream_capture_test::{Connected, Datagrams, Family, Ground, KnownProcess, Skip};
use sidestream_explicit::{Lookup, Socks5};
use sidestream_flow::Process;

use super::client::{self, Associated};
use crate::any_port;

// It captures by no spec and no kernel: whoever does not speak to it is not captured.
sidestream_capture_test::suite! { Clients::new();
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
    knows_the_process
    survives_a_client_that_leaves_early
    ends_when_it_is_dropped
}

struct Clients {
    driver: Option<Socks5>,
    proxy: SocketAddr,
}

impl Clients {
    fn new() -> Result<Self, Skip> {
        let lookup: Arc<Lookup> =
            Arc::new(|_| Some(Arc::new(Process { pid: std::process::id(), ..Process::default() })));
        let driver = Socks5::bind(&[any_port()], None).unwrap().with_lookup(lookup);
        let proxy = driver.local_addrs()[0];
        Ok(Self { driver: Some(driver), proxy })
    }
}

impl Ground for Clients {
    fn capture(&mut self) -> Box<dyn Capture> {
        Box::new(self.driver.take().unwrap())
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        let proxy = self.proxy;
        Box::pin(async move {
            let stream = client::connect(proxy, &server.into()).await?;
            let local = stream.local_addr()?;
            Ok(Connected { stream: Box::new(stream), local, peer: server })
        })
    }

    fn open_udp(&self, _: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        let proxy = self.proxy;
        Box::pin(async move { Ok(Box::new(Associated::open(proxy).await?) as Box<dyn Datagrams>) })
    }

    fn process(&self) -> Option<KnownProcess> {
        Some(KnownProcess { pid: std::process::id(), path: None, parents: Vec::new() })
    }

    fn max_datagram(&self) -> usize {
        // The header before it takes the rest, of either family.
        65_507 - 22
    }
}
