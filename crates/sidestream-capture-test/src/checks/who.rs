//! What a driver says of a flow.

use sidestream_capture::Attribution;
use sidestream_flow::{FlowKey, Transport};
use sidestream_testkit::skip;

use crate::unserved::{Taken, Unserved};
use crate::{Config, Ground};

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
    let Some(process) = &info.process else {
        panic!("the driver claims to know processes, but the flow has none");
    };
    assert_eq!(process.pid, known.pid, "the process that opened the flow");
    if known.path.is_some() {
        assert_eq!(process.path, known.path, "the executable of the process");
    }
}
