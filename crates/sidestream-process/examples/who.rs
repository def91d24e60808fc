//! Prints the process with the pid given on the command line, or itself, and its parents.
#![expect(clippy::print_stdout, reason = "an example prints")]

use sidestream_process::{Packages, Table};

fn main() -> std::io::Result<()> {
    let pid = std::env::args().nth(1).and_then(|pid| pid.parse().ok());
    let table = Table::open()?.with_packages(Packages::default());
    let Some(process) = table.process(pid.unwrap_or_else(std::process::id)) else {
        println!("there is no such process");
        return Ok(());
    };
    let process = table.complete(&process);
    for process in std::iter::once(&*process).chain(process.parents()) {
        println!("{:>7} {:15} {}", process.pid, process.name, process.args.join(" "));
    }
    println!("unit {:?}, container {:?}", process.unit, process.container);
    println!("package {:?}", process.package);
    Ok(())
}
