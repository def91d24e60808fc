//! How proxies are named.

use sidestream_upstream::{Credentials, Server};

#[track_caller]
fn check(url: &str, expected: &str) {
    let words = match url.parse::<Server>() {
        Ok(server) => {
            let login = server.credentials.as_ref().map(Credentials::basic).unwrap_or_default();
            format!("{server} {login}").trim_end().to_owned()
        }
        Err(error) => error.to_string(),
    };
    assert_eq!(words, expected, "{url}");
}

#[test]
fn reads_urls() {
    check("proxy.test", "http://proxy.test:80");
    check("http://proxy.test:3128/", "http://proxy.test:3128");
    check("HTTPS://proxy.test", "https://proxy.test:443");
    check("socks5h://[2001:db8::1]", "socks5://[2001:db8::1]:1080");
    check("socks5://[::1]:9050", "socks5://[::1]:9050");
    check("http://me:pass@a.test", "http://a.test:80 Basic bWU6cGFzcw==");
    check("http://me:p%40ss%3a@a.test:1", "http://a.test:1 Basic bWU6cEBzczo=");
    check("http://me@a.test", "http://a.test:80 Basic bWU6");
}

#[test]
fn says_what_is_wrong_and_no_password() {
    let credentials = "what stands before the @ of a proxy is no user and password";
    check("http://me:%zz@a.test", credentials);
    check("http://me:%4@a.test", credentials);
    check("http://:secret@a.test", credentials);
    check("http://me:a%0d%0ab@a.test", credentials);
    let port = "the port of a proxy is a number from 1 to 65535";
    check("http://a.test:0", port);
    check("http://a.test:secret", port);
    check("http://a.test:+1", port);
    let host = "no proxy is named, write one as in http://proxy.example:3128";
    check("http://", host);
    check("http://a b", host);
    check("http://[::x]:1", host);
    check("ftp://a", "a proxy cannot be spoken to by \"ftp\", use one of http, https, socks5");
}

#[test]
fn prints_no_password() {
    let server: Server = "http://me:hush@a.test".parse().unwrap();
    assert!(!format!("{server} {server:?}").contains("hush"));
    assert!("me".parse::<Credentials>().is_err());
    assert!("me:".parse::<Credentials>().is_ok());
}
