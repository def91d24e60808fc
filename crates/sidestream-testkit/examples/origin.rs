//! Serves a page on loopback until the enter key is pressed.
#![expect(clippy::print_stdout, reason = "an example talks to the terminal")]

use std::io::{self, Write};

use sidestream_testkit::{Origin, TestCa};

fn main() -> io::Result<()> {
    let ca = TestCa::new();
    let origin = Origin::https(ca.server_config(&["localhost"]), |request, wire| {
        let body = format!("you sent:\n{}", String::from_utf8_lossy(request.head()));
        write!(wire, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    println!("curl --cacert {} https://localhost:{}/", ca.pem_path().display(), origin.port());
    io::stdin().read_line(&mut String::new())?;
    println!("{} requests", origin.requests().len());
    Ok(())
}
