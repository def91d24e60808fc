//! Prints each flow of the chosen processes with the process that opened it, and lets it pass:
//! `os_proxy curl,!port:22`.

#![expect(clippy::print_stdout, reason = "an example prints")]

use sidestream_os::{Options, pass, start_os_proxy};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let spec = std::env::args().nth(1).unwrap_or_else(|| "curl".into()).parse()?;
    let mut proxy = start_os_proxy(&spec, &Options::default()).await?;
    println!("capturing {spec}, end with ctrl-c");
    while let Some(incoming) = proxy.next().await? {
        match &incoming.info.process {
            Some(process) => {
                println!("{} by {} ({})", incoming.info.key, process.name, process.pid)
            }
            None => println!("{}", incoming.info.key),
        }
        let dial = proxy.dial();
        tokio::spawn(async move { pass(incoming, &*dial).await });
    }
    Ok(())
}
