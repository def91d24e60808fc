//! Traffic that rules of the user's own lead to the port.

use super::place::{
    ROUTER, ROUTER_V6, SERVER, SERVER_V6, Servers, check_seen, curl, is_ready, on_router, start,
    within,
};
use super::{ALL_CAME_BACK, LARGE, PYTHON};
use crate::harness::Bench;
use crate::local::{check_output, line_to};

#[test]
fn redirected_connections_reach_where_they_were_going() {
    let test = "redirected_connections_reach_where_they_were_going";
    if !is_ready(module_path!(), test, &["curl", "nft"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    on_router(&bench, "nft add table inet own");
    on_router(&bench, "nft add chain inet own out { type nat hook output priority -100 ; }");
    on_router(&bench, "nft add chain inet own in { type nat hook prerouting priority -100 ; }");
    let to_us = "tcp dport { 80, 443 } redirect to :8080";
    on_router(&bench, &format!("nft add rule inet own in iifname lan {to_us}"));
    let gateway = start(&bench, &["--mode", "transparent"]);
    for (ip, seen) in [(SERVER.to_owned(), ROUTER), (format!("[{SERVER_V6}]"), ROUTER_V6)] {
        check_seen(&bench, "client", &format!("http://{ip}/"), seen);
        check_seen(&bench, "client", &format!("https://{ip}/"), seen);
    }
    // Whoever redirects the router's own connections leads ours back to us as well.
    on_router(&bench, &format!("nft add rule inet own out {to_us}"));
    let round = curl(&bench, "router", &[&format!("http://{SERVER}/")]);
    assert!(!round.status.success(), "{round:?}");
    // A direct connection leads nowhere.
    let direct = curl(&bench, "client", &["http://198.51.100.1:8080/"]);
    assert!(!direct.status.success(), "{direct:?}");
    let (code, told) = gateway.interrupt();
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("a rule redirects the proxy's own connections to it"), "{told}");
    assert!(told.contains("a connection to this very port is refused"), "{told}");
    let lines = bench.lines();
    let https = line_to(&lines, "http", &format!("{SERVER}:443"));
    assert_eq!((&https["via"], &https["response"]["status"]), (&"transparent".into(), &200.into()));
    line_to(&lines, "http", &format!("[{SERVER_V6}]:443"));
}

#[test]
fn redirected_by_iptables_connections_reach_where_they_were_going() {
    let test = "redirected_by_iptables_connections_reach_where_they_were_going";
    if !is_ready(module_path!(), test, &["curl", "iptables"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    let rule = "-t nat -A PREROUTING -i lan -p tcp --dport 80 -j REDIRECT --to-ports 8080";
    on_router(&bench, &format!("iptables {rule}"));
    on_router(&bench, &format!("ip6tables {rule}"));
    let gateway = start(&bench, &["--mode", "transparent"]);
    check_seen(&bench, "client", &format!("http://{SERVER}/"), ROUTER);
    check_seen(&bench, "client", &format!("http://[{SERVER_V6}]/"), ROUTER_V6);
    gateway.finish(&bench);
}

#[test]
fn the_tproxy_rules_of_others_work_with_it() {
    let test = "the_tproxy_rules_of_others_work_with_it";
    if !is_ready(module_path!(), test, &["curl", "nft", "python3"]) {
        return;
    }
    let bench = Bench::new();
    let _servers = Servers::start(&bench);
    // As manuals of transparent proxies have them.
    for version in ["-4", "-6"] {
        on_router(&bench, &format!("ip {version} rule add fwmark 1 lookup 100"));
        on_router(&bench, &format!("ip {version} route add local default dev lo table 100"));
    }
    let chain = "nft add chain inet own in { type filter hook prerouting priority mangle ; }";
    on_router(&bench, "nft add table inet own");
    on_router(&bench, chain);
    for rule in [
        "iifname lan meta l4proto tcp socket transparent 1 meta mark set 1 accept",
        "iifname lan meta l4proto { tcp, udp } tproxy to :8080 meta mark set 1 accept",
    ] {
        on_router(&bench, &format!("nft add rule inet own in {rule}"));
    }
    let gateway = start(&bench, &["--mode", "transparent"]);
    check_seen(&bench, "client", &format!("https://{SERVER}/"), ROUTER);
    check_seen(&bench, "client", &format!("http://[{SERVER_V6}]/"), ROUTER_V6);
    for ip in [SERVER, SERVER_V6] {
        let udp = within(&bench, "client", &[PYTHON, "-c", LARGE, ip]).output().unwrap();
        check_output(&udp, ALL_CAME_BACK);
    }
    gateway.finish(&bench);
}
