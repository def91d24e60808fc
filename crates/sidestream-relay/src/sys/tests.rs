//! What only the inside can tell: how often the kernel is asked.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::calls;
use crate::{Ending, relay};

const MIB: usize = 1024 * 1024;
const GIB: u64 = 1024 * MIB as u64;

fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (client, listener.accept().unwrap().0)
}

fn registered(stream: TcpStream) -> tokio::net::TcpStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::TcpStream::from_std(stream).unwrap()
}

#[test]
fn a_gibibyte_is_spliced_in_few_calls() {
    let ((mut client, a), (b, mut server)) = (pair(), pair());
    let sending = thread::spawn(move || {
        let chunk = vec![1; MIB];
        (0..1024).for_each(|_| client.write_all(&chunk).unwrap());
    });
    let receiving = thread::spawn(move || {
        let (mut buf, mut received) = (vec![0; MIB], 0);
        while received < GIB {
            received += server.read(&mut buf).unwrap() as u64;
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let relayed = runtime.block_on(async { relay(registered(a), registered(b)).await });
    sending.join().unwrap();
    receiving.join().unwrap();
    assert_eq!((relayed.from_a, relayed.ending), (GIB, Ending::Closed));
    // A segment on loopback is 64 KiB; twice as many calls would be one for each, and half of
    // them in vain.
    assert!(calls() < GIB / (16 * 1024), "{} calls", calls());
}
