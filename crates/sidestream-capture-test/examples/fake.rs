//! Serves one flow of the fake driver and prints what the driver knows of it.

use std::error::Error;

use sidestream_capture::{Kind, next_incoming};
use sidestream_capture_test::fake::Fake;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

#[expect(clippy::print_stdout, reason = "an example prints")]
fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(async {
        let (mut capture, clients) = Fake::new();
        let server = "192.0.2.80:80".parse()?;
        let client = tokio::spawn(async move { clients.connect(server).await });

        let incoming = next_incoming(&mut capture).await?.ok_or("the capture is over")?;
        let process = incoming.info.process.as_ref().ok_or("the fake knows its process")?;
        println!("{} by {} ({})", incoming.info.key, process.name, process.pid);
        let Kind::Tcp(pending) = incoming.kind else { return Err("connect is TCP".into()) };
        let mut stream = pending.accept().await?;
        stream.write_all(b"hello").await?;
        stream.shutdown().await?;

        let mut greeting = String::new();
        client.await??.stream.read_to_string(&mut greeting).await?;
        println!("the client read {greeting:?}");
        Ok(())
    })
}
