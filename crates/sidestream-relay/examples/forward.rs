//! Forwards connections to an address given on the command line, and says how much went by.
#![expect(clippy::print_stdout, reason = "an example prints")]

use sidestream_relay::relay;
use tokio::net::{TcpListener, TcpStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let Some(server) = std::env::args().nth(1) else {
        println!("give the address of a server: forward 127.0.0.1:8000");
        return Ok(());
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("forwarding {} to {server}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        let server = server.clone();
        tokio::spawn(async move {
            match TcpStream::connect(&server).await {
                Ok(server) => println!("{:?}", relay(client, server).await),
                Err(error) => println!("{server}: {error}"),
            }
        });
    }
}
