//! The protocol that nobody knows: a mark and a number, answered with as many bytes, or one once
//! as many have come.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// With this each request begins, as nothing does that is known.
pub(crate) const RAW_MARK: u8 = 0;

/// This bit of the number tells that the bytes go to the server.
pub(crate) const RAW_UP: u64 = 1 << 63;

/// How much is sent or received at once.
const CHUNK: usize = 256 * 1024;

/// Returns whether the client begins with the mark.
pub(super) async fn is_spoken(stream: &TcpStream) -> bool {
    let mut first = [RAW_MARK + 1];
    stream.peek(&mut first).await.is_ok() && first == [RAW_MARK]
}

/// Answers until the client has ended.
pub(super) async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    let mut chunk = vec![0x55; CHUNK];
    while stream.read_u8().await? == RAW_MARK {
        let asked = stream.read_u64().await?;
        let mut left = asked & !RAW_UP;
        while left > 0 {
            let len = CHUNK.min(usize::try_from(left).unwrap_or(usize::MAX));
            let moved = if asked & RAW_UP == 0 {
                stream.write_all(&chunk[..len]).await.map(|()| len)
            } else {
                stream.read(&mut chunk[..len]).await
            }?;
            if moved == 0 {
                return Ok(());
            }
            left -= moved as u64;
        }
        if asked & RAW_UP != 0 {
            stream.write_u8(RAW_MARK).await?;
        }
    }
    Ok(())
}
