//! Each way of being broken is found by the check for it.

use std::any::Any;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sidestream_capture::{
    BoxFuture, Capture, Dial, Dialed, DialedAssociation, Direct, FlowInfo, Target,
};
use sidestream_capture_test::fake::{FakeClients, FakeGround};
use sidestream_capture_test::{
    Config, Connected, Datagrams, Family, Ground, KnownProcess, checks, sockets,
};
use sidestream_record::DialFailure;

use crate::faulty::{Fault, FaultyCapture};

/// The fake driver with a fault.
struct FaultyGround {
    fake: FakeGround,
    fault: Fault,
}

impl Ground for FaultyGround {
    fn capture(&mut self) -> Box<dyn Capture> {
        FaultyCapture::boxed(self.fake.capture(), self.fault)
    }

    fn connect(&self, server: SocketAddr) -> BoxFuture<'static, io::Result<Connected>> {
        self.fake.connect(server)
    }

    fn open_udp(&self, family: Family) -> BoxFuture<'static, io::Result<Box<dyn Datagrams>>> {
        self.fake.open_udp(family)
    }

    fn process(&self) -> Option<KnownProcess> {
        self.fake.process()
    }

    fn dial(&self) -> Arc<dyn Dial> {
        match self.fault {
            Fault::CapturesTheProxy => Arc::new(Captured(self.fake.clients().clone())),
            _ => self.fake.dial(),
        }
    }

    fn connect_and_exit(
        &self,
        server: SocketAddr,
    ) -> Option<BoxFuture<'static, io::Result<KnownProcess>>> {
        self.fake.connect_and_exit(server)
    }

    fn kill(&self) -> Option<BoxFuture<'static, io::Result<()>>> {
        match self.fault {
            Fault::SurvivesDeath => Some(Box::pin(std::future::ready(Ok(())))),
            _ => self.fake.kill(),
        }
    }

    fn is_alone(&self) -> bool {
        self.fake.is_alone()
    }
}

/// Dials as a client of the driver: each connection makes another, until the port of the client
/// shows that this has gone far enough.
struct Captured(FakeClients);

impl Dial for Captured {
    fn dial<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<Dialed, DialFailure>> {
        Box::pin(async move {
            let Target::Addr(addr) = *target else { return Err(DialFailure::Refused) };
            let connected = if flow.key.client.port() > FIRST_PORT + 3 {
                sockets::connect(addr).await
            } else {
                self.0.connect(addr).await
            };
            Ok(Dialed { stream: connected.map_err(DialFailure::from)?.stream, addr, via: None })
        })
    }

    fn associate<'a>(
        &'a self,
        flow: &'a FlowInfo,
        target: &'a Target,
    ) -> BoxFuture<'a, Result<DialedAssociation, DialFailure>> {
        Box::pin(async move { Direct::default().associate(flow, target).await })
    }
}

/// The port of the first client.
const FIRST_PORT: u16 = 32_768;

type Check = for<'a> fn(&'a mut dyn Ground, &'a Config) -> BoxFuture<'a, ()>;

/// Asserts that a check passes without the fault, and fails with it, for that reason.
fn finds(fault: Fault, check: Check, reason: &str) {
    assert_eq!(outcome(Fault::None, check), None, "without a fault");
    let message = outcome(fault, check).unwrap_or_else(|| panic!("{fault:?} was not found"));
    assert!(message.contains(reason), "{fault:?} was found for another reason: {message}");
}

/// Runs a check on a driver with a fault; returns what it panicked with.
fn outcome(fault: Fault, check: Check) -> Option<String> {
    // What never comes is waited for in full; without a fault nothing waits so long.
    let patience = Duration::from_secs(if fault == Fault::None { 30 } else { 3 });
    let config = Config { transfer_bytes: 4 << 20, flows: 20, waiting_bytes: 1 << 20, patience };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let run = runtime.spawn(async move {
        let mut ground = FaultyGround { fake: FakeGround::new(), fault };
        check(&mut ground, &config).await;
    });
    let panic = runtime.block_on(run).err()?.into_panic();
    Some(message(&*panic))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap()
}

/// Makes one test of each line.
macro_rules! faults {
    ($($test:ident: $fault:ident, $check:ident, $reason:literal;)*) => {
        $(
            #[test]
            fn $test() {
                let check: Check = |ground, config| Box::pin(checks::$check(ground, config));
                finds(Fault::$fault, check, $reason);
            }
        )*
    };
}

faults! {
    finds_bytes_out_of_order: Reorders, relays_tcp_both_ways, "are not those that were written";
    finds_bytes_out_of_order_in_a_transfer:
        Reorders, carries_a_large_transfer_unchanged, "is not what was written";
    finds_a_lost_half_close: LosesHalfClose, carries_half_close_each_way, "seeing the end";
    finds_a_half_close_that_ends_both_ways:
        ClosesBothWays, carries_half_close_each_way, "after the server's end";
    finds_a_swallowed_reset: SwallowsResets, carries_a_reset_each_way, "not a reset";
    finds_a_refusal_that_connects:
        AcceptsRefused, shows_a_refusal_as_its_capabilities_say, "that refuses";
    finds_mixed_up_flows: MixesFlows, carries_many_flows_at_once, "not its own";
    finds_unbounded_memory:
        HoardsBytes, bounds_what_waits_for_a_slow_reader, "for a reader that does not read";
    finds_a_flow_that_holds_up_others:
        StallsOthers, bounds_what_waits_for_a_slow_reader, "another flow beside one stalled";
    finds_cut_datagrams: CutsDatagrams, keeps_udp_datagrams_whole, "of 9000 bytes came as";
    finds_lost_empty_datagrams: LosesEmptyDatagrams, keeps_udp_datagrams_whole, "of 0 bytes";
    finds_udp_servers_mixed_up:
        LiesAboutServer, keeps_udp_servers_apart, "did not happen in time";
    finds_ipv6_that_is_not_captured: NoIpv6, captures_ipv6, "cannot connect";
    finds_udp_that_is_not_captured_over_ipv6:
        NoUdpOverIpv6, captures_ipv6, "the answer to a datagram";
    finds_ipv4_told_as_ipv6:
        LiesAboutFamily, captures_ipv4_over_ipv6_sockets, "the flow's server is of IPv4";
    finds_a_wrong_destination: LiesAboutServer, tells_the_original_five_tuple, "five-tuple";
    finds_a_wrong_client: LiesAboutClient, tells_the_original_five_tuple, "five-tuple";
    finds_a_wrong_process: LiesAboutProcess, knows_the_process, "the process that opened";
    finds_a_missing_process: NamesNoProcess, knows_the_process, "the flow has none";
    finds_missing_parents: LiesAboutParents, knows_the_process, "the parents";
    finds_a_process_that_is_forgotten_when_it_ends:
        NamesNoProcess, knows_a_process_that_has_gone, "the flow has none";
    finds_an_ignored_spec:
        IgnoresSpec, takes_a_new_spec_while_running, "nobody is captured once";
    finds_a_spec_never_acknowledged:
        NeverAcknowledges, takes_a_new_spec_while_running, "being acknowledged";
    finds_a_connection_lost_with_a_spec:
        LosesWhatSpecsMeet, loses_nothing_while_specs_change, "while the spec changes";
    finds_a_proxy_that_is_captured: CapturesTheProxy, never_captures_the_proxy, "is one flow";
    finds_a_capture_that_outlives_its_driver:
        SurvivesDeath, leaves_the_network_working_when_killed, "when all is over";
    finds_a_capture_that_a_client_ends:
        BreaksWithAClient, survives_a_client_that_leaves_early, "the capture is whole";
    finds_a_driver_that_outlives_itself: Outlives, ends_when_it_is_dropped, "when the driver is gone";
}
