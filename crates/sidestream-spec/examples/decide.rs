//! Decides about a few processes and their flows: `cargo run --example decide -- 'curl,!port:22'`.
#![expect(clippy::print_stdout, reason = "an example shows what it found")]

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;

use sidestream_spec::{Facts, ProcessFacts, Spec};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let text = std::env::args().nth(1).unwrap_or_else(|| "curl, tree:make, !port:22".to_owned());
    let spec: Spec = match text.parse() {
        Ok(spec) => spec,
        Err(error) => {
            println!("{}", error.render(&text));
            return Ok(ExitCode::from(2));
        }
    };

    let make = ProcessFacts { pid: 100.into(), ..ProcessFacts::ABSENT }.with_path("/usr/bin/make");
    let processes = [(4711, "/usr/bin/curl"), (4712, "/usr/bin/git"), (1, "/sbin/init")];
    for (pid, path) in processes {
        let process = ProcessFacts { pid: pid.into(), ..ProcessFacts::ABSENT }.with_path(path);
        let ancestors: &[_] = if path == "/usr/bin/git" { &[make] } else { &[] };
        let facts = Facts { process, ancestors: ancestors.into(), ..Facts::default() };

        // Once a process: what is left of the spec asks for the flow alone.
        let rest = spec.residual(&facts);
        println!("{path} ({pid}): {}, left to ask: \"{rest}\"", spec.decide(&facts));

        // Once a flow.
        for addr in ["192.0.2.1:22", "192.0.2.1:443"] {
            let destination = addr.parse::<SocketAddr>()?.into();
            println!("  to {addr}: {}", rest.decide(&Facts { destination, ..facts }));
        }
    }
    println!("\n{}", spec.explain(&Facts::default()));
    Ok(ExitCode::SUCCESS)
}
