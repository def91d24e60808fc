//! A proxy that tells how many flows it served.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

use sidestream::Sidestream;
use sidestream::ca::Authority;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let authority = Authority::generate("Example CA", SystemTime::now(), &provider)?;
    let listening = sidestream::listen(&["127.0.0.1:0".parse()?], "regular")?;
    println!("try: curl --proxy http://{} http://example.com", listening.addrs[0]);
    let mut handle = Sidestream::builder(Arc::new(authority)).build()?.serve(listening.capture);
    tokio::signal::ctrl_c().await?;
    handle.stop();
    println!("{} flows", handle.ended().await?.flows);
    Ok(())
}
