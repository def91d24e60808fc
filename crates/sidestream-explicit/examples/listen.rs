//! Listens, and prints who connects: `cargo run -p sidestream-explicit --example listen`.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::net::SocketAddr;

use sidestream_capture::next_incoming;
use sidestream_explicit::Explicit;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".into());
    let mut driver = Explicit::bind(&[addr.parse::<SocketAddr>()?])?;
    println!("curl -x http://{} http://example.test/", driver.local_addrs()[0]);
    while let Some(incoming) = next_incoming(&mut driver).await? {
        println!("{} ({})", incoming.info.key, incoming.info.via);
    }
    Ok(())
}
