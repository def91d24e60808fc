//! Measures what the calls of a command cost under each driver, where there are such drivers:
//! `cargo run --release --example calls`.

#[cfg(unix)]
mod measure;

#[cfg(unix)]
fn main() -> measure::Result<()> {
    measure::main()
}

#[cfg(not(unix))]
fn main() {}
