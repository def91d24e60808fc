//! An explicit proxy on 127.0.0.1:8080 that prints a line for each exchange.
//!
//! Its root is written to the file named on the command line.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rustls::crypto::aws_lc_rs;
use sidestream_ca::Authority;
use sidestream_capture::Direct;
use sidestream_explicit::Explicit;
use sidestream_flow::Ids;
use sidestream_proxy::{Proxy, Stop, UpstreamTrust, config};
use sidestream_record::{Book, Entry, Finished, Recorded, Sink, wording};

/// Prints what is finished.
#[derive(Default)]
struct Printer(Mutex<Book>);

impl Sink for Printer {
    fn record(&self, entry: &Entry) -> Recorded {
        let finished = self.0.lock().unwrap_or_else(PoisonError::into_inner).apply(entry);
        for finished in finished {
            match finished {
                Finished::Exchange(flow, exchange) => {
                    println!("{}", wording::exchange(&flow, &exchange));
                }
                Finished::Flow(flow) => println!("{}", wording::flow(&flow)),
                _ => {}
            }
        }
        Recorded::Accepted
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let provider = aws_lc_rs::default_provider();
    let authority = Authority::generate("Sidestream example", SystemTime::now(), &provider)?;
    if let Some(path) = std::env::args_os().nth(1) {
        std::fs::write(path, authority.certificate_pem())?;
    }
    let trust = UpstreamTrust { insecure: true, ..UpstreamTrust::default() };
    let (dial, sink) = (Arc::new(Direct::default()), Arc::new(Printer::default()));
    let proxy = Proxy::new(config(&trust)?, Arc::new(authority), dial, sink, Ids::default());
    let driver = Explicit::bind(&[([127, 0, 0, 1], 8080).into()])?;
    let (_stopper, stop) = Stop::new();
    proxy.serve(Box::new(driver), stop).await?;
    Ok(())
}
