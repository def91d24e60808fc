//! HTTP proxies.

use proptest::prelude::*;
use sidestream_capture::{Dial, Target};
use sidestream_record::{DialFailure, ProxyFailure};
use sidestream_upstream::http::{Answer, encode_connect};
use tokio::io::AsyncReadExt;

use crate::stage::{Script, check_echo, failure, flow, name, proxy, upstream};

const CONNECT: &[u8] = b"CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n";
const CONNECT_80: &[u8] = b"CONNECT a.test:80 HTTP/1.1\r\nHost: a.test:80\r\n\r\n";

#[tokio::test]
async fn a_tunnel_is_the_servers_from_its_first_byte() {
    let said = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.0 200 Yes\r\nContent-Length: 9\r\n\r\nSSH-2.0";
    let proxy = proxy(vec![vec![(CONNECT, said)]]).await;
    let dial = upstream(&format!("http://{proxy}"));
    let mut dialed = dial.dial(&flow(), &name("a.test", 443)).await.unwrap();
    assert!(dialed.addr.ip().is_unspecified(), "its address is nobody's but the proxy's");
    let via = dialed.via.take().unwrap();
    assert_eq!((&*via.proxy, via.forwards), (&*format!("http://{proxy}"), None));
    let mut banner = [0; 7];
    dialed.stream.read_exact(&mut banner).await.unwrap();
    assert_eq!(&banner, b"SSH-2.0");
    check_echo(dialed).await;
}

#[tokio::test]
async fn an_address_is_asked_for_as_that_and_the_password_is_given() {
    let said: Script = vec![(
        b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\
          Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    )];
    let proxy = proxy(vec![said]).await;
    let target = Target::Addr("[2001:db8::1]:443".parse().unwrap());
    let dial = upstream(&format!("http://me:secret@{proxy}"));
    let dialed = dial.dial(&flow(), &target).await.unwrap();
    assert_eq!(dialed.addr, "[2001:db8::1]:443".parse().unwrap());
    check_echo(dialed).await;
}

/// Has a proxy answer CONNECT so, and checks what that is told as.
async fn check(said: &'static [u8], expected: ProxyFailure) {
    let addr = proxy(vec![vec![(CONNECT, said)]]).await;
    let proxy = format!("http://{addr}");
    let failure = failure(&upstream(&proxy), &name("a.test", 443)).await;
    assert_eq!(failure, DialFailure::Proxy { proxy, failure: expected });
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let refused = |reason: &str| ProxyFailure::Refused { reason: reason.into() };
    let broken = |reason: &str| ProxyFailure::Broken { reason: reason.into() };
    check(b"HTTP/1.1 407 Who?\r\n\r\n", ProxyFailure::Unauthorized).await;
    check(b"HTTP/1.1 503 Full\r\n\r\n", refused("503 Full")).await;
    check(b"HTTP/1.1 403\r\n\r\n", refused("403")).await;
    check(b"HTTP/1.1 301 Elsewhere\r\n\r\n", refused("301 Elsewhere")).await;
    check(b"SSH-2.0-x\r\n\r\n", broken("its answer is not HTTP/1")).await;
}

#[tokio::test]
async fn a_proxy_that_is_not_there_or_goes_away_is_told_as_that() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    let proxy = format!("http://{addr}");
    let closing = std::thread::spawn(move || drop(listener.accept()));
    let told = |failure| DialFailure::Proxy { proxy: proxy.clone(), failure };
    let gone = failure(&upstream(&proxy), &name("a.test", 443)).await;
    let DialFailure::Proxy { failure: ProxyFailure::Broken { .. }, .. } = gone else {
        panic!("{gone}")
    };
    closing.join().unwrap();
    let reason = "it refused the connection".into();
    let refused = failure(&upstream(&proxy), &name("a.test", 443)).await;
    assert_eq!(refused, told(ProxyFailure::Unreached { reason }));
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_not_waited_for_without_end() {
    let addr = proxy(vec![vec![(CONNECT, b"HTTP/1.1 2")]]).await;
    let dial =
        upstream(&format!("http://{addr}")).with_timeout(std::time::Duration::from_millis(1));
    let told = failure(&dial, &name("a.test", 443)).await;
    let DialFailure::Proxy { failure: ProxyFailure::TimedOut, .. } = told else { panic!("{told}") };
}

#[tokio::test]
async fn a_server_that_is_late_behind_the_proxy_is_late() {
    let addr = proxy(vec![vec![(CONNECT, b"HTTP/1.1 504 Gateway Timeout\r\n\r\n")]]).await;
    let told = failure(&upstream(&format!("http://{addr}")), &name("a.test", 443)).await;
    assert_eq!(told, DialFailure::TimedOut);
}

#[tokio::test]
async fn where_tunnels_are_denied_requests_are_taken() {
    let denied: Script = vec![(CONNECT_80, b"HTTP/1.1 403 Forbidden\r\n\r\n")];
    let addr = proxy(vec![denied, vec![]]).await;
    let dial = upstream(&format!("http://{addr}"));
    let mut dialed = dial.dial(&flow(), &name("a.test", 80)).await.unwrap();
    let forwards = dialed.via.take().unwrap().forwards.unwrap();
    assert_eq!(
        forwards.refusal.unwrap().to_string(),
        format!("the proxy http://{addr} did not connect to the server: 403 Forbidden")
    );
    check_echo(dialed).await;
}

#[tokio::test]
async fn requests_of_plain_http_need_no_tunnel() {
    let addr = proxy(vec![vec![]]).await;
    let dial = upstream(&format!("http://me:secret@{addr}"));
    let mut dialed = dial.dial_http(&flow(), &name("a.test", 80)).await.unwrap();
    let forwards = dialed.via.take().unwrap().forwards.unwrap();
    assert_eq!(&*forwards.authorization.unwrap().0, "Basic bWU6c2VjcmV0");
    assert_eq!(forwards.refusal, None);
    check_echo(dialed).await;
}

#[tokio::test]
async fn loopback_is_kept_where_that_is_asked_for() {
    let origin = proxy(vec![vec![]]).await;
    let dial = upstream("http://127.0.0.1:1").with_loopback_kept();
    let dialed = dial.dial(&flow(), &Target::Addr(origin)).await.unwrap();
    assert_eq!((dialed.addr, &dialed.via), (origin, &None));
    check_echo(dialed).await;
}

#[test]
fn a_client_says_nothing_to_the_proxy_by_the_name_of_its_server() {
    for host in ["a\r\nX: y", "a b", "a\u{e9}", "\0"] {
        assert_eq!(encode_connect(&name(host, 1), None), None, "{host:?}");
    }
}

#[test]
fn an_answer_without_end_is_given_up() {
    let mut said = b"HTTP/1.1 200 OK\r\n".to_vec();
    while said.len() < 64 * 1024 {
        said.extend(b"X-Filling: 0123456789012345678901234567890123456789\r\n".repeat(20));
        if Answer::decode(&said).is_err() {
            return;
        }
    }
    assert!(Answer::decode(&said).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(Some(answer)) = Answer::decode(&bytes) {
            prop_assert!(answer.len <= bytes.len());
            // What comes behind changes nothing.
            prop_assert_eq!(Answer::decode(&bytes[..answer.len]), Ok(Some(answer)));
        }
    }
}
