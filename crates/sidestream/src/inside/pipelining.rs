//! DNS over TCP (RFC 7766): the page's name is answered here, other names by a resolver.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use sidestream_capture::{Dialed, FlowInfo, Stream, Target};
use sidestream_onboarding::{Answer, Names};
use sidestream_record::DialFailure;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;
use tracing::debug;

use super::Inside;
use super::local::Local;

/// How long a resolver may take to accept before the next is tried.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);
/// For how long nobody may say or take anything.
const PATIENCE: Duration = Duration::from_secs(30);
/// The length of what tells how long a message is.
const LEN_LEN: usize = 2;

/// Connects with the first resolver that can be reached, and answers between.
pub(super) async fn dial(inside: &Inside, flow: &FlowInfo) -> Result<Dialed, DialFailure> {
    let mut failure = DialFailure::Refused;
    for resolver in inside.resolvers() {
        let target = Target::Addr(resolver);
        let dialing = timeout(CONNECT_PATIENCE, inside.dial.dial(flow, &target));
        match dialing.await.unwrap_or(Err(DialFailure::TimedOut)) {
            Ok(Dialed { stream: server, addr, via }) => {
                inside.resolvers.prefer(resolver);
                let (ours, client) = Local::pair();
                let names = Arc::clone(&inside.names);
                tokio::spawn(async move {
                    if let Err(error) = serve(client, server, &names).await {
                        debug!(%error, "DNS over TCP ended early");
                    }
                });
                return Ok(Dialed { stream: Box::new(ours), addr, via });
            }
            Err(other) => failure = other,
        }
    }
    Err(failure)
}

/// Passes whole messages, until both sides have ended.
async fn serve(
    mut client: DuplexStream,
    mut server: Box<dyn Stream>,
    names: &Names,
) -> io::Result<()> {
    let (mut asked, mut answered) = (BytesMut::new(), BytesMut::new());
    let (mut is_asking, mut is_answering) = (true, true);
    while is_asking || is_answering {
        let passing = async {
            tokio::select! {
                read = client.read_buf(&mut asked), if is_asking => {
                    is_asking = read? > 0;
                    while let Some(query) = message(&mut asked) {
                        match names.answer(&query[LEN_LEN..]) {
                            Answer::Drop => {}
                            Answer::Forward => write(&mut server, &query).await?,
                            Answer::Reply(reply) => {
                                let len = u16::try_from(reply.len()).unwrap_or_default();
                                let reply = [&len.to_be_bytes()[..], &reply].concat();
                                write(&mut client, &reply).await?;
                            }
                        }
                    }
                    if !is_asking {
                        server.shutdown().await?;
                    }
                }
                read = server.read_buf(&mut answered), if is_answering => {
                    is_answering = read? > 0;
                    while let Some(reply) = message(&mut answered) {
                        write(&mut client, &reply).await?;
                    }
                    if !is_answering {
                        client.shutdown().await?;
                        is_asking = false;
                    }
                }
            }
            io::Result::Ok(())
        };
        timeout(PATIENCE, passing).await??;
    }
    Ok(())
}

async fn write(to: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    to.write_all(message).await?;
    to.flush().await
}

/// Takes a message that has come whole, with its length.
fn message(bytes: &mut BytesMut) -> Option<Bytes> {
    let len = LEN_LEN + usize::from(bytes.get(..LEN_LEN)?.get_u16());
    (bytes.len() >= len).then(|| bytes.split_to(len).freeze())
}
