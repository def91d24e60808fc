//! The measuring, in microseconds.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use sidestream_capture::next_incoming;
use sidestream_linux::{Driver, Options, Overlay, OverlayKind, Parts, Sandbox};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A file that is there on every machine, and is covered.
const COVERED: &str = "/etc/passwd";
const ROUNDS: u32 = 2000;

pub(crate) fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if let [_, word, driver, addr] = &args[..]
        && word == "measure"
    {
        return measure(driver, addr.parse()?);
    }
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    std::thread::spawn(move || listener.incoming().for_each(drop));
    println!("driver      open   covered   connect   peer name   recvmsg   read+write");
    measure("none", addr)?;
    for driver in [Driver::Namespace, Driver::Seccomp] {
        run(driver, addr)?;
    }
    Ok(())
}

fn run(driver: Driver, addr: SocketAddr) -> Result<()> {
    let exe = std::env::current_exe()?.display().to_string();
    let command = [exe, "measure".into(), driver.to_string(), addr.to_string()];
    let kind = OverlayKind::File { contents: vec![b'x'; 200_000], mode: 0o444 };
    let overlays = vec![Overlay { path: COVERED.into(), kind }];
    let options = Options { driver, overlays, ..Options::new(command) };
    let sandbox = match Sandbox::launch(options) {
        Ok(sandbox) => sandbox,
        Err(error) => {
            println!("{driver}: {error}");
            return Ok(());
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let Parts { mut capture, mut running, .. } = sandbox.start()?;
        tokio::spawn(async move { while let Ok(Some(_)) = next_incoming(&mut capture).await {} });
        running.wait().await?;
        Ok(())
    })
}

/// The least of many is what a call costs; what others do to it is left out.
fn time(mut work: impl FnMut() -> io::Result<()>) -> io::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        work()?;
        times.push(start.elapsed());
    }
    times.sort_unstable();
    Ok(times[times.len() / 2].as_secs_f64() * 1e6)
}

fn measure(driver: &str, addr: SocketAddr) -> Result<()> {
    let open = time(|| File::open("/etc/hostname").map(drop))?;
    let covered = time(|| File::open(COVERED).map(drop))?;
    let connect = {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
            let start = Instant::now();
            socket.connect(&addr.into())?;
            times.push(start.elapsed());
            // Its port is free again at once.
            socket.set_linger(Some(std::time::Duration::ZERO))?;
        }
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64() * 1e6
    };
    let (mut one, mut two) = UnixStream::pair()?;
    let name = time(|| one.peer_addr().map(drop))?;
    let mut byte = [0; 1];
    let receive = time(|| {
        one.write_all(b"x")?;
        let mut room = [std::mem::MaybeUninit::uninit(); 1];
        let mut parts = [socket2::MaybeUninitSlice::new(&mut room)];
        let socket = socket2::SockRef::from(&two);
        socket.recvmsg(&mut socket2::MsgHdrMut::new().with_buffers(&mut parts), 0).map(drop)
    })?;
    let both = time(|| {
        one.write_all(b"x")?;
        two.read_exact(black_box(&mut byte))
    })?;
    println!(
        "{driver:9} {open:6.1} {covered:9.1} {connect:9.1} {name:11.1} {:9.1} {both:12.1}",
        receive - both
    );
    drop(TcpStream::connect(addr));
    Ok(())
}
