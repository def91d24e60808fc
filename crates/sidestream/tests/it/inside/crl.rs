//! The list of revoked certificates, and where leaves say that it is.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use sidestream::Inside;
use sidestream::capture::{Dial, Direct, Target};
use sidestream::proxy::CrlUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::names::flow;
use super::{authority, site};

const AT: &str = "127.183.115.1:83";

fn told(own: &[&str], at: Option<&str>) -> Option<CrlUrl> {
    let authority = authority();
    let own: Vec<IpAddr> = own.iter().map(|ip| ip.parse().unwrap()).collect();
    let inside = Inside::new(Arc::new(Direct::default()), site(&authority)).with_addresses(&own);
    let inside = match at {
        Some(at) => inside.with_page_at(at.parse().unwrap()),
        None => inside,
    };
    assert_eq!(inside.crl_url(), None, "nobody signs a list yet");
    let name = authority.crl_file_name();
    inside.with_crl(authority).crl_url().map(|told| match told {
        CrlUrl::Everyone(url) => CrlUrl::Everyone(url.replace(&name, "NAME").into()),
        CrlUrl::Naming(url) => CrlUrl::Naming(url.replace(&name, "NAME").into()),
        other => other,
    })
}

#[test]
fn the_list_is_told_by_an_address_where_there_is_one() {
    let everyone = |url: &str| Some(CrlUrl::Everyone(url.into()));
    let naming = CrlUrl::Naming("http://sidestream.internal/NAME".into());
    assert_eq!(told(&[], None), Some(naming));
    assert_eq!(told(&["fd00::1", "10.11.0.1"], None), everyone("http://10.11.0.1/NAME"));
    assert_eq!(told(&["fd00::1"], None), everyone("http://[fd00::1]:80/NAME"));
    assert_eq!(told(&[], Some(AT)), everyone("http://127.183.115.1:83/NAME"));
}

/// Asks at an address, and gives what is answered.
async fn ask(inside: &Inside, at: &str, path: &str) -> Result<Vec<u8>, String> {
    let addr: SocketAddr = at.parse().unwrap();
    let dialed = inside.dial(&flow(addr), &Target::Addr(addr)).await;
    let mut stream = dialed.map_err(|failure| format!("{failure:?}"))?.stream;
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    Ok(said)
}

#[tokio::test]
async fn the_list_is_answered_at_the_one_address_and_signed_once() {
    let authority = authority();
    let name = authority.crl_file_name();
    let inside = Inside::new(Arc::new(Direct::default()), site(&authority));
    let inside = inside.with_page_at(AT.parse().unwrap());
    let path = format!("/{name}");
    let none = ask(&inside, AT, &path).await.unwrap();
    assert!(none.starts_with(b"HTTP/1.1 404 "), "{}", String::from_utf8_lossy(&none));
    let inside = inside.with_crl(Arc::clone(&authority));
    let said = ask(&inside, AT, &path).await.unwrap();
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: application/pkix-crl\r\n";
    assert!(said.starts_with(head), "{}", String::from_utf8_lossy(&said));
    let content = |said: &[u8]| {
        let at = said.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        said[at..].to_vec()
    };
    // A second signature by ECDSA would be another.
    let again = ask(&inside, "[::ffff:127.183.115.1]:83", &path).await.unwrap();
    assert_eq!(content(&said), content(&again));
    let list = authority.crl(SystemTime::now()).unwrap();
    assert_ne!(content(&said), list.der);
    assert_eq!(content(&said)[..2], list.der[..2]);
    for elsewhere in ["127.183.115.1:80", "127.183.115.2:83"] {
        ask(&inside, elsewhere, &path).await.unwrap_err();
    }
}
