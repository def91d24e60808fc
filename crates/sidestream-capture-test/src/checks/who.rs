//! What a driver says of a flow.

use sidestream_capture::{Attribution, Capabilities, FlowInfo, Incoming, Kind, Refusal};
use sidestream_flow::{FlowKey, Transport};
use sidestream_testkit::skip;

use crate::unserved::{Taken, Unserved};
use crate::{Config, Ground, KnownProcess};

/// The flow names the client and the server as the client knows them.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn tells_the_original_five_tuple(ground: &mut dyn Ground, config: &Config) {
    // Accepted without a relay, which a driver that names the wrong server would lead astray.
    let mut unserved = Unserved::new(ground, config).await;
    let Taken { info, client, stream: _stream } = unserved.take().await;
    let server = unserved.server;
    assert_eq!(client.peer, server, "the peer that the client sees");
    let expected = FlowKey { transport: Transport::Tcp, client: client.local, server };
    assert_eq!(info.key, expected, "the flow's five-tuple");
}

/// The flow names the process that opened it, for drivers that claim to know.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn knows_the_process(ground: &mut dyn Ground, config: &Config) {
    let known = ground.process();
    let mut unserved = Unserved::new(ground, config).await;
    if unserved.capabilities.attribution == Attribution::None {
        return skip("knows_the_process", "the driver does not know processes");
    }
    let known = known.expect("the driver claims to know processes: let Ground::process say which");
    let Taken { info, client: _client, stream: _stream } = unserved.take().await;
    assert_knows(&info, &known);
}

/// The flow of a process that has gone before the flow is looked at names it all the same, for
/// drivers that are told by the kernel.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn knows_a_process_that_has_gone(ground: &mut dyn Ground, config: &Config) {
    const NAME: &str = "knows_a_process_that_has_gone";
    let mut unserved = Unserved::new(ground, config).await;
    let Capabilities { attribution, refusal, .. } = unserved.capabilities;
    if attribution != Attribution::Kernel {
        return skip(NAME, "the driver knows processes only while they live");
    }
    for _ in 0..3 {
        let Some(connecting) = unserved.ground.connect_and_exit(unserved.server) else {
            return skip(NAME, "the ground has no process that could end");
        };
        let mut connecting = tokio::spawn(connecting);
        let what = "a short-lived client's end";
        let (info, known) = if refusal == Refusal::Reset {
            // The kernel has accepted: nobody has looked at the flow when its process has gone.
            let known = unserved.patience.within(what, &mut connecting).await;
            (unserved.incoming().await.info, known)
        } else {
            let Incoming { info, kind } = unserved.incoming().await;
            let Kind::Tcp(pending) = kind else { panic!("a TCP connection came as a UDP flow") };
            // It may not wait for the answer.
            drop(unserved.patience.within("accepting", pending.accept()).await);
            (info, unserved.patience.within(what, connecting).await)
        };
        let known = known.expect("a ground does not panic").expect("the client was accepted");
        assert_knows(&info, &known);
    }
}

fn assert_knows(info: &FlowInfo, known: &KnownProcess) {
    let Some(process) = &info.process else {
        panic!("the driver claims to know processes, but the flow has none");
    };
    assert_eq!(process.pid, known.pid, "the process that opened the flow");
    if known.path.is_some() {
        assert_eq!(process.path, known.path, "the executable of the process");
    }
    let parents = process.parents().map(|parent| parent.pid).take(known.parents.len());
    assert_eq!(parents.collect::<Vec<_>>(), known.parents, "the parents of the process");
}
