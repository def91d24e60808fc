//! Tells what processes of the whole machine ask for: `local SPEC`, on Linux.

#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use sidestream::Sidestream;
use sidestream::ca::Authority;
use sidestream::os::{self, Options};
use sidestream::proxy::Passing;
use sidestream::record::{Book, Entry, Finished, Recorded, Sink};

/// Prints requests as they are finished.
#[derive(Default)]
struct Requests(Mutex<Book>);

impl Sink for Requests {
    fn record(&self, entry: &Entry) -> Recorded {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for finished in book.apply(entry) {
            if let Finished::Exchange(flow, exchange) = finished {
                let process = flow.process.as_ref().map(|process| process.name.as_str());
                println!("{} {}", process.unwrap_or("?"), exchange.url);
            }
        }
        Recorded::Accepted
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let spec = std::env::args().nth(1).unwrap_or_else(|| "curl".into()).parse()?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let authority = Authority::generate("Example CA", SystemTime::now(), &provider)?;
    let (capture, dial, mut notices) =
        os::start_os_proxy(&spec, &Options::default()).await?.into_parts();
    // Nobody trusts this authority, so nothing of TLS is decrypted.
    let passing = Passing::considerate().with_decrypt(false);
    let builder = Sidestream::builder(Arc::new(authority)).dial(dial).passing(passing);
    let mut handle = builder.sink(Arc::new(Requests::default())).build()?.serve(capture);
    println!("try: curl http://example.com");
    loop {
        tokio::select! {
            ended = handle.ended() => {
                println!("{} flows", ended?.flows);
                return Ok(());
            }
            Some(notice) = notices.next() => println!("{notice}"),
            _ = tokio::signal::ctrl_c() => handle.stop(),
        }
    }
}
