//! Telling a client why it is let go.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a client may take to read it.
const LINGER: Duration = Duration::from_secs(2);

/// Sends the last words, and closes when the client does, or soon.
///
/// Closing at once on what the client has sent and nobody read would reset the connection, and
/// lose the words.
pub(super) async fn farewell(mut stream: TcpStream, words: &[u8]) {
    let say = async {
        stream.write_all(words).await?;
        stream.shutdown().await?;
        let mut sink = [0; 512];
        while stream.read(&mut sink).await? > 0 {}
        std::io::Result::Ok(())
    };
    // A client that has gone, or takes too long, is not told.
    _ = timeout(LINGER, say).await;
}
