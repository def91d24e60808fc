//! The driver's own life: clients that vanish, its end, its death.

use std::io;
use std::time::Duration;

use sidestream_capture::{Incoming, Kind};
use sidestream_testkit::skip;
use tokio::io::AsyncReadExt;
use tokio::time::{Instant, sleep};

use super::udp;
use crate::bed::Bed;
use crate::unserved::{Taken, Unserved};
use crate::{Config, Family, Ground};

/// A client that is gone before its flow is answered ends that flow and nothing else.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn survives_a_client_that_leaves_early(ground: &mut dyn Ground, config: &Config) {
    let mut unserved = Unserved::new(ground, config).await;
    let connecting = tokio::spawn(unserved.ground.connect(unserved.server));
    let Incoming { kind: Kind::Tcp(pending), .. } = unserved.incoming().await else {
        panic!("a TCP connection came as a UDP flow");
    };
    // Where connect has returned the connection is reset; where it still waits it is given up.
    connecting.abort();
    match connecting.await {
        Ok(Ok(client)) => client.stream.reset(),
        Ok(Err(error)) => panic!("the client cannot connect: {error}"),
        Err(_aborted) => {}
    }
    if let Ok(mut stream) =
        unserved.patience.within("answering a client that left", pending.accept()).await
    {
        let mut buf = [0; 8];
        let read =
            unserved.patience.within("the end of a client that left", stream.read(&mut buf)).await;
        assert!(matches!(read, Ok(0) | Err(_)), "a client that left sends nothing");
    }
    let Taken { .. } = unserved.take().await;
}

/// Dropping the driver and its flows ends the capture: clients under way see an end, new
/// connections are left alone or fail, and none hangs.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn ends_when_it_is_dropped(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    let (mut client, mut server) = bed.pair(Family::V4).await;
    bed.carries("before the end", &mut client.stream, &mut server, b"before").await;
    let Bed { ground, relay, .. } = bed;
    relay.stop().await;

    let ended = tokio::time::timeout(config.patience, client.stream.read(&mut [0; 8])).await;
    let ended = ended.expect("a flow ends with the relay that carried it");
    assert!(matches!(ended, Ok(0) | Err(_)), "nothing is sent after the end");

    let (listener, addr) = crate::bed::listen(ground, Family::V4);
    let connected = tokio::time::timeout(config.patience, ground.connect(addr)).await;
    match connected.expect("a client gets some answer when the driver is gone") {
        // Nothing leads out of a sandbox that has ended.
        Err(_error) => {}
        Ok(mut client) => {
            // Either it was left alone and is at the server, or it ends.
            let mut buf = [0; 8];
            let end = async {
                tokio::select! {
                    accepted = listener.accept() => accepted.map(|_connection| ()),
                    read = client.stream.read(&mut buf) => match read {
                        Ok(0) | Err(_) => Ok(()),
                        Ok(_) => Err(io::Error::other("it read something")),
                    },
                }
            };
            let end = tokio::time::timeout(config.patience, end).await;
            let end = end.expect("a client that connects when the driver is gone does not hang");
            end.expect("a client that connects when the driver is gone is left alone or ended");
        }
    }
}

/// How long what a dead driver leaves behind may be in the way.
const GRACE: Duration = Duration::from_secs(1);

/// When the driver is killed, the capture says that it is over, and a second later at most every
/// new connection and datagram goes directly.
///
/// # Panics
///
/// When the driver does otherwise.
pub async fn leaves_the_network_working_when_killed(ground: &mut dyn Ground, config: &Config) {
    let bed = Bed::new(ground, config);
    let Some(kill) = bed.ground.kill() else {
        return skip(
            "leaves_the_network_working_when_killed",
            "the driver has no process that could be killed and leave its clients alive",
        );
    };
    let (mut client, mut server) = bed.pair(Family::V4).await;
    bed.carries("before the end", &mut client.stream, &mut server, b"before").await;
    let udp = bed.capabilities.udp;
    if udp {
        hop(&bed).await.unwrap_or_else(|error| bed.fail(&error));
    }

    bed.within("killing the driver", kill).await.expect("the driver can be killed");
    let killed = Instant::now();
    loop {
        let begun = Instant::now();
        let direct = async {
            is_direct(&bed).await?;
            if udp { hop(&bed).await } else { Ok(()) }
        };
        match bed.within("a connection after the driver's death", direct).await {
            Ok(()) => break,
            Err(error) if begun - killed >= GRACE => bed.fail(&error),
            // What was under way to the driver may be lost with it.
            Err(_error) => sleep(GRACE / 50).await,
        }
    }
    let over = async {
        while !bed.relay.is_over() {
            sleep(GRACE / 50).await;
        }
    };
    bed.within("the capture saying that its driver is dead", over).await;
}

/// Connects, and says what is wrong if that did not go directly.
async fn is_direct(bed: &Bed<'_>) -> Result<(), String> {
    let flows = bed.relay.flows().len();
    let (listener, addr) = bed.listen(Family::V4);
    let connected = bed.ground.connect(addr).await;
    let mut client =
        connected.map_err(|error| format!("a client cannot connect when all is over: {error}"))?;
    let mut buf = [0; 8];
    let accepted = tokio::select! {
        accepted = listener.accept() => accepted,
        read = client.stream.read(&mut buf) => {
            return Err(format!("a client was ended when all is over: {read:?}"));
        }
    };
    let (mut server, _from) = accepted.expect("a listener on loopback accepts");
    bed.carries("when all is over", &mut client.stream, &mut server, b"after").await;
    if bed.relay.flows().len() == flows {
        Ok(())
    } else {
        Err("a connection was captured when all is over".to_owned())
    }
}

/// Sends a datagram from a new socket and waits for the answer for half the grace, for it may be
/// lost.
async fn hop(bed: &Bed<'_>) -> Result<(), String> {
    let origin = udp::echo(bed, Family::V4, |datagram| datagram.to_vec());
    let mut client = udp::open(bed, Family::V4).await;
    let sent = client.send_to(b"hop", origin.addr()).await;
    sent.map_err(|error| format!("a client cannot send when all is over: {error}"))?;
    match tokio::time::timeout(GRACE / 2, client.recv_from()).await {
        Ok(Ok((datagram, _from))) if datagram == b"hop"[..] => Ok(()),
        other => Err(format!("a datagram was lost when all is over: {other:?}")),
    }
}
