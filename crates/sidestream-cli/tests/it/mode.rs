//! What `--mode` takes.

use sidestream_cli::mode::{Kind, Mode, check_clashes};

/// Words a mode, and where it listens.
#[track_caller]
fn check(text: &str, expected: &str) {
    let words = match text.parse::<Mode>() {
        Err(error) => error.to_string(),
        Ok(mode) => {
            let data = match &mode.kind {
                Kind::Local(Some(spec)) => format!(" {spec}"),
                Kind::Reverse(server) => {
                    format!(" {:?} {} {}", server.scheme, server.host, server.port)
                }
                Kind::Upstream(proxy) => {
                    let known = if proxy.credentials.is_some() { " with a password" } else { "" };
                    format!(" {proxy}{known}")
                }
                Kind::Tun(name) | Kind::Wireguard(name) => format!(" {name:?}"),
                _ => String::new(),
            };
            let listen = mode.listen().map(|listen| format!(" on {listen}"));
            format!("{}{data}{}", mode.kind.name(), listen.unwrap_or_default())
        }
    };
    assert_eq!(words, expected, "{text}");
}

#[test]
fn takes_every_mode_of_the_family() {
    check("regular", "regular on 127.0.0.1:8080");
    check("transparent", "transparent on 0.0.0.0:8080");
    check("socks5", "socks5 on 127.0.0.1:1080");
    check("dns", "dns on 127.0.0.1:53");
    check("wireguard", "wireguard None on 0.0.0.0:51820");
    check("wireguard:/etc/wg.key", "wireguard Some(\"/etc/wg.key\") on 0.0.0.0:51820");
    check("tun", "tun None");
    check("tun:tun0", "tun Some(\"tun0\")");
    check("local", "local");
    check("local:", "local ");
    check("local:curl,!4711", "local curl,!4711");
    check("osproxy:curl", "local curl");
    check("upstream:proxy.test:3128", "upstream http://proxy.test:3128 on 127.0.0.1:8080");
    check("upstream:https://proxy.test", "upstream https://proxy.test:443 on 127.0.0.1:8080");
    check("upstream:socks5://proxy.test", "upstream socks5://proxy.test:1080 on 127.0.0.1:8080");
    check("reverse:example.test", "reverse Https example.test 443 on 127.0.0.1:8080");
    check("reverse:http://example.test:81/", "reverse Http example.test 81 on 127.0.0.1:8080");
    check("reverse:dns://192.0.2.53", "reverse Dns 192.0.2.53 53 on 127.0.0.1:53");
    check("reverse:tcp://[2001:db8::1]:22", "reverse Tcp 2001:db8::1 22 on 127.0.0.1:8080");
    check("reverse:https://[2001:db8::1]", "reverse Https 2001:db8::1 443 on 127.0.0.1:8080");
}

#[test]
fn listens_where_it_is_told() {
    check("regular@3128", "regular on 127.0.0.1:3128");
    check("regular@0", "regular on 127.0.0.1:0");
    check("regular@0.0.0.0:3128", "regular on 0.0.0.0:3128");
    check("regular@[::1]:3128", "regular on [::1]:3128");
    check("regular@::1:3128", "regular on [::1]:3128");
    check("regular@proxy.test:3128", "regular on proxy.test:3128");
    check("reverse:https://a.test@8443", "reverse Https a.test 443 on 127.0.0.1:8443");
}

#[test]
fn takes_names_in_any_case() {
    check("Regular@1", "regular on 127.0.0.1:1");
    check("OSPROXY:Curl", "local Curl");
    check("SOCKS5", "socks5 on 127.0.0.1:1080");
}

#[test]
fn leaves_an_at_sign_to_a_spec() {
    check("local:unit:getty@tty1.service", "local unit:getty@tty1.service");
    check("osproxy:a@8080", "local a@8080");
    check("local@8080", "mode local does not listen, leave out what begins with @");
}

#[test]
fn tells_a_place_to_listen_from_a_password() {
    check("upstream:http://a.test:1@2", "upstream http://a.test:1 on 127.0.0.1:2");
    check("upstream:http://a.test@[::1]:2", "upstream http://a.test:80 on [::1]:2");
    check(
        "upstream:http://me:secret@a.test:3128",
        "upstream http://a.test:3128 with a password on 127.0.0.1:8080",
    );
    check(
        "upstream:socks5://me:a%40b@a.test@localhost:1",
        "upstream socks5://a.test:1080 with a password on localhost:1",
    );
}

#[test]
fn says_what_is_wrong_with_a_mode() {
    check("", NO_MODE_OF_NO_NAME);
    check("@8080", NO_MODE_OF_NO_NAME);
    check("regular:x", "mode regular takes nothing after its name, write regular or regular@PORT");
    check("regular:", "mode regular takes nothing after its name, write regular or regular@PORT");
    check("regular@", "\"\" is not a port, use a number from 0 to 65535");
    check("regular@65536", "\"65536\" is not a port, use a number from 0 to 65535");
    check("regular@+80", "\"+80\" is not a port, use a number from 0 to 65535");
    check("regular@127.0.0.1", "\"127.0.0.1\" is not a port, use a number from 0 to 65535");
    check(
        "regular@:80",
        "the host is missing before the port, write 0.0.0.0 for every IPv4 address",
    );
    check("regular@a b:80", "\"a b\" is not the name or address of a server");
    check("regular@[::x]:80", "\"[::x]\" is not the name or address of a server");
    check("tun@80", "mode tun does not listen, leave out what begins with @");
    check("reverse", "mode reverse needs a server, as in reverse:https://example.com");
    check(
        "upstream:",
        "mode upstream needs a server, as in upstream:http://proxy.example.com:3128",
    );
    check(
        "upstream:tcp://a",
        "mode upstream: a proxy cannot be spoken to by \"tcp\", use one of http, https, socks5",
    );
    check("reverse:tcp://a", "\"\" is not a port, use a number from 0 to 65535");
    check("reverse:https://", "\"\" is not the name or address of a server");
    check(
        "local:curl,",
        "not a spec:\ncurl,\n     ^ an item is missing: write one here or remove the comma",
    );
}

const NO_MODE_OF_NO_NAME: &str = "there is no mode \"\", use one of dns, local, osproxy, regular, \
    reverse, socks5, transparent, tun, upstream, wireguard";

#[track_caller]
fn check_clash(modes: &[&str], expected: Option<&str>) {
    let modes: Vec<Mode> = modes.iter().map(|mode| mode.parse().unwrap()).collect();
    let clash = check_clashes(&modes).err().map(|clash| clash.to_string());
    assert_eq!(clash.as_deref(), expected);
}

#[test]
fn refuses_modes_that_cannot_be_had_together() {
    check_clash(&["regular", "socks5"], None);
    check_clash(&["regular", "regular@8081"], None);
    check_clash(&["regular@0", "regular@0"], None);
    check_clash(&["regular@127.0.0.1:1", "regular@127.0.0.2:1"], None);
    check_clash(&["regular@127.0.0.1:1", "regular@[::]:1"], None);
    check_clash(&["regular@51820", "wireguard"], None);
    check_clash(&["socks5@51820", "wireguard"], None);
    check_clash(
        &["regular", "socks5@8080"],
        Some("modes regular and socks5 both listen on 127.0.0.1:8080, give one another port"),
    );
    check_clash(
        &["socks5", "regular@0.0.0.0:3128", "transparent@3128"],
        Some("modes regular and transparent both listen on 0.0.0.0:3128, give one another port"),
    );
    check_clash(
        &["dns@51820", "wireguard"],
        Some("modes dns and wireguard both listen on 0.0.0.0:51820, give one another port"),
    );
    check_clash(
        &["local:curl", "osproxy:wget"],
        Some("mode local is given twice, write one spec with commas: local:curl,wget"),
    );
}
