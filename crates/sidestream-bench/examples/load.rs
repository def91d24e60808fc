//! Makes load against an origin in the same process: `cargo run --example load`.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use sidestream_bench::client::{Client, Route, roots};
use sidestream_bench::{Job, Origin};
use sidestream_testkit::TestCa;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let origin = Origin::start(TestCa::new()).await?;
    let route = |to| Route { to, proxy: None, by_name: false };
    let client = Client {
        classic: route(origin.classic),
        hybrid: route(origin.hybrid),
        roots: roots(&[origin.ca().pem_path().to_owned()])?,
    };
    for http2 in [false, true] {
        let job = Job::Requests { http2, count: 1000, connections: 4, streams: 4 };
        let (prepared, done) = client.run(&job).await?;
        println!("1000 requests over {}: {} µs", prepared.alpn, done.elapsed_us);
    }
    Ok(())
}
