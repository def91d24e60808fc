//! One client, from its first byte to its request.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sidestream_capture::{Destination, Egress, FlowInfo, Incoming, Kind};
use sidestream_flow::{FlowKey, Process, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;
use tracing::debug;

use super::farewell::farewell;
use super::losses::Loss;
use super::pending::Asked;
use super::relay::Relay;
use super::{Shared, VIA};
use crate::listeners::is_local;
use crate::socks::{
    Address, Command, Credentials, Handshake, Host, Refused, Reply, Request, Step, Version,
};

/// How long a client may take to say what it wants.
const HANDSHAKE: Duration = Duration::from_secs(30);

/// The most that the handshake wants at once.
const MAX_WANTED: usize = 257;

/// What becomes of a client.
pub(super) enum Outcome {
    Associate(Box<Relay>),
    Connect(Box<Incoming>),
    Gone,
}

/// Hears what a client wants. `key` has the ends of its connection.
pub(super) async fn serve(mut stream: TcpStream, key: FlowKey, shared: Arc<Shared>) -> Outcome {
    let handshake = Handshake::new(shared.credentials.clone());
    let credentials = shared.credentials.as_deref();
    let request = match timeout(HANDSHAKE, hear(&mut stream, handshake, credentials)).await {
        Ok(Ok(Ok(request))) => request,
        Ok(Ok(Err(Refused { error, say }))) => {
            shared.losses.note(Loss::Client);
            debug!(%error, "a client is not served");
            farewell(stream, &say).await;
            return Outcome::Gone;
        }
        // It went away, or stood still.
        Ok(Err(_)) | Err(_) => {
            shared.losses.note(Loss::Client);
            return Outcome::Gone;
        }
    };
    let process = process(key, &shared).await;
    match request.command {
        Command::Connect => Outcome::Connect(Box::new(connect(stream, key, request, process))),
        Command::Associate => associate(stream, key, &request, process, &shared).await,
    }
}

/// Reads up to the request, and nothing beyond: that is the server's.
async fn hear(
    stream: &mut TcpStream,
    mut handshake: Handshake,
    credentials: Option<&Credentials>,
) -> io::Result<Result<Request, Refused>> {
    let mut buf = [0; MAX_WANTED];
    loop {
        let wanted = &mut buf[..handshake.wants().min(MAX_WANTED)];
        stream.read_exact(wanted).await?;
        let mut step = handshake.handle(wanted);
        if let Ok(Step::Judge { user, password }) = step {
            let is_right = match credentials {
                Some(ours) => ours.verify(user, password).await,
                None => false,
            };
            step = handshake.judged(is_right);
        }
        match step {
            // It was just answered.
            Ok(Step::Judge { .. }) => {}
            Ok(Step::More) => {}
            Ok(Step::Say(words)) => stream.write_all(&words).await?,
            Ok(Step::Serve(request)) => return Ok(Ok(request)),
            Err(refused) => return Ok(Err(refused)),
        }
    }
}

/// Finds the process of a client of this machine.
async fn process(key: FlowKey, shared: &Shared) -> Option<Arc<Process>> {
    let lookup = shared.lookup.as_ref().filter(|_| is_local(&key))?;
    let _permit = shared.lookups.acquire().await.ok()?;
    let lookup = Arc::clone(lookup);
    match tokio::task::spawn_blocking(move || lookup(&key)).await {
        Ok(process) => process,
        Err(error) => {
            debug!(%error, "a process look-up failed");
            None
        }
    }
}

fn connect(
    stream: TcpStream,
    key: FlowKey,
    request: Request,
    process: Option<Arc<Process>>,
) -> Incoming {
    let pending = Asked { stream, version: request.version };
    let info = info(Transport::Tcp, key.client, &request.address, process);
    Incoming { info, kind: Kind::Tcp(Box::new(pending)) }
}

/// Says what is known of a flow to that server.
pub(super) fn info(
    transport: Transport,
    client: SocketAddr,
    server: &Address,
    process: Option<Arc<Process>>,
) -> FlowInfo {
    let (ip, destination) = match &server.host {
        Host::Ip(ip) => (ip.to_canonical(), Destination::Original),
        Host::Name(name) => {
            (IpAddr::V4(Ipv4Addr::UNSPECIFIED), Destination::Host(Arc::clone(name)))
        }
    };
    let key = FlowKey { transport, client, server: SocketAddr::new(ip, server.port) };
    let (via, egress, residual) = (VIA, Egress::default(), None);
    FlowInfo { key, process, via, destination, egress, residual }
}

/// Makes the socket to which the client sends its datagrams, and tells it where that is.
async fn associate(
    mut stream: TcpStream,
    key: FlowKey,
    request: &Request,
    process: Option<Arc<Process>>,
    shared: &Shared,
) -> Outcome {
    let (permit, socket, addr) = match room(key.server, shared).await {
        Ok(room) => room,
        Err(error) => {
            shared.losses.note(Loss::Client);
            debug!(%error, "no association");
            farewell(stream, &Reply::Failed.encode_unbound(Version::V5)).await;
            return Outcome::Gone;
        }
    };
    let reply = Reply::Succeeded.encode(Version::V5, addr);
    if stream.write_all(&reply).await.is_err() {
        return Outcome::Gone;
    }
    let client = SocketAddr::new(key.client.ip(), expected_port(&request.address, key.client.ip()));
    Outcome::Associate(Box::new(Relay::new(stream, socket, client, process, permit)))
}

/// Makes a socket where the client has reached us, for its datagrams will as well.
async fn room(
    mut here: SocketAddr,
    shared: &Shared,
) -> io::Result<(OwnedSemaphorePermit, UdpSocket, SocketAddr)> {
    let permit = Arc::clone(&shared.relays).try_acquire_owned().map_err(io::Error::other)?;
    here.set_port(0);
    let socket = UdpSocket::bind(here).await?;
    let addr = socket.local_addr()?;
    Ok((permit, socket, addr))
}

/// Returns the port from which the client says that its datagrams will come, 0 if it does not.
///
/// One that takes itself to be at another address is behind a translator, and knows neither.
fn expected_port(expected: &Address, client: IpAddr) -> u16 {
    match &expected.host {
        Host::Ip(ip) if ip.is_unspecified() || ip.to_canonical() == client => expected.port,
        _ => 0,
    }
}
