//! A plain TCP relay: what moving bytes costs without looking at them.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Accepts on `listener` and copies both ways between each client and a connection to `to`.
///
/// It is tokio's own `copy_bidirectional` on a multi-thread runtime, with
/// `TCP_NODELAY` on both sides.
///
/// # Cancel safety
///
/// It accepts no more once dropped; connections that are open go on.
pub async fn relay(listener: TcpListener, to: SocketAddr) {
    loop {
        // Out of descriptors: those that are in use come back.
        let Ok((client, _)) = listener.accept().await else { continue };
        tokio::spawn(async move {
            // Both ends see the end of the other.
            drop(copy(client, to).await);
        });
    }
}

async fn copy(mut client: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
