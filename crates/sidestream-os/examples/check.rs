//! Prints what this machine can do.

#![expect(clippy::print_stdout, reason = "an example prints")]

fn main() {
    let report = sidestream_os::check();
    println!("{}", report.system);
    for driver in &report.drivers {
        println!("{} for {}: usable {}", driver.name, driver.mode, driver.is_usable());
        for finding in &driver.findings {
            println!("  {}: {:?}", finding.what, finding.outcome);
        }
    }
}
