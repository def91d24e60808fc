//! Reading and writing configurations.

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_wireguard::{
    Config, Endpoint, Interface, Peer, Prefix, PresharedKey, PrivateKey, PublicKey,
};

const KEY: &str = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=";
const PEER: &str = "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=";
const OTHER: &str = "TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=";

fn parse(text: &str) -> String {
    let text = text.replace("$KEY", KEY).replace("$PEER", PEER).replace("$OTHER", OTHER);
    match text.parse::<Config>() {
        Ok(config) => config.to_string(),
        Err(error) => format!("line {}: {error}", error.line),
    }
}

#[test]
fn a_configuration_is_read_as_wg_does_whatever_its_spelling() {
    let read = parse(
        "# ours
        [interface]
        privatekey=$KEY # a comment
        Address = 10.0.0.1/24,fd00::1/64
        ADDRESS = 10.9.0.1
        ListenPort = 4000
        MTU = 1380
        DNS = 10.0.0.1, example.test
        [PEER]
        PublicKey = $PEER
        PresharedKey = $OTHER
        AllowedIPs = 10.0.0.7/24
        AllowedIPs = fd00::2/128, 10.0.0.0/24
        Endpoint = [2001:db8::1]:51820
        PersistentKeepalive = 25
        [Peer]
        PublicKey = $OTHER
        AllowedIPs =
        Endpoint = vpn.example.test:1
        PersistentKeepalive = off
        ",
    );
    assert_snapshot!(read, @r"
    [Interface]
    PrivateKey = yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk=
    Address = 10.0.0.1/24, fd00::1/64, 10.9.0.1/32
    ListenPort = 4000
    MTU = 1380
    DNS = 10.0.0.1, example.test

    [Peer]
    PublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=
    PresharedKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
    AllowedIPs = 10.0.0.0/24, fd00::2/128
    Endpoint = [2001:db8::1]:51820
    PersistentKeepalive = 25

    [Peer]
    PublicKey = TrMvSoP4jYQlY6RIzBgbssQqY3vxI2Pi+y71lOWWXX0=
    Endpoint = vpn.example.test:1
    ");
}

#[test]
fn what_is_wrong_is_told_with_its_line_and_a_way_out() {
    let begin = "[Interface]\nPrivateKey = $KEY\n";
    let peer = "[Interface]\nPrivateKey = $KEY\n[Peer]\nPublicKey = $PEER\n";
    let texts = [
        String::new(),
        "PrivateKey = $KEY".to_owned(),
        "[Interface]\nAddress = 10.0.0.1/24".to_owned(),
        format!("{begin}[Interface]"),
        format!("{begin}[Server]"),
        format!("{begin}Adress = 10.0.0.1"),
        format!("{begin}what is this"),
        format!("{begin}PrivateKey = $KEY"),
        format!("{begin}Address = 10.0.0.1/33"),
        format!("{begin}Address = ten"),
        format!("{begin}ListenPort = 65536"),
        format!("{begin}ListenPort = +1"),
        format!("{begin}MTU = 20"),
        format!("{begin}postup = iptables -A FORWARD"),
        format!("{begin}Table = off"),
        format!("{begin}\n[Peer]\nAllowedIPs = 10.0.0.2/32"),
        format!("{begin}[Peer]\nPublicKey = short"),
        format!("{begin}[Peer]\nPublicKey = {}=", "A".repeat(43)),
        format!("{begin}[Peer]\nPublicKey = {}", key(KEY).public_key()),
        format!("{peer}PublicKey = $OTHER"),
        format!("{peer}[Peer]\nPublicKey = $PEER"),
        format!(
            "{peer}AllowedIPs = 10.0.0.2/32\n[Peer]\nPublicKey = $OTHER\nAllowedIPs = 10.0.0.2"
        ),
        format!("{peer}Endpoint = 192.0.2.1"),
        format!("{peer}Endpoint = 2001:db8::1:51820"),
        format!("{peer}Endpoint = 192.0.2.1:0"),
        format!("{peer}PersistentKeepalive = always"),
        format!("{peer}DNS = 10.0.0.1"),
    ];
    assert_snapshot!(texts.map(|text| parse(&text)).join("\n"));
}

fn key(text: &str) -> PrivateKey {
    text.parse().unwrap()
}

#[test]
fn secrets_are_not_in_debug_output() {
    let text = format!(
        "[Interface]\nPrivateKey = {KEY}\n[Peer]\nPublicKey = {PEER}\nPresharedKey = {OTHER}\n"
    );
    let debug = format!("{:?}", text.parse::<Config>().unwrap());
    assert!(debug.contains(PEER) && !debug.contains(KEY) && !debug.contains(OTHER), "{debug}");
    let error = format!("{text}PostUp = echo {OTHER}").parse::<Config>().unwrap_err();
    assert!(!format!("{error} {error:?}").contains(OTHER));
}

#[test]
fn new_keys_are_of_their_own_and_are_read_back() {
    let (one, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
    assert_ne!(one, other);
    assert_eq!(one.to_base64().parse(), Ok(one));
    let shared = PresharedKey::generate().unwrap();
    assert_eq!(shared.to_base64().parse(), Ok(shared));
}

fn prefixes() -> impl Strategy<Value = Prefix> {
    let v4 = (any::<u32>(), 0..=32_u8)
        .prop_map(|(bits, len)| Prefix::new(std::net::Ipv4Addr::from_bits(bits).into(), len));
    let v6 = (any::<u128>(), 0..=128_u8)
        .prop_map(|(bits, len)| Prefix::new(std::net::Ipv6Addr::from_bits(bits).into(), len));
    prop_oneof![v4, v6].prop_map(Option::unwrap)
}

fn endpoints() -> impl Strategy<Value = Endpoint> {
    let v6 = any::<u128>().prop_map(|bits| std::net::Ipv6Addr::from_bits(bits).to_string());
    let hosts = prop_oneof!["[a-z0-9.-]{1,20}", v6];
    (hosts, 1..=u16::MAX).prop_map(|(host, port)| Endpoint::new(&host, port).unwrap())
}

prop_compose! {
    fn interfaces()(
        key in any::<[u8; 32]>(),
        addresses in prop::collection::vec(prefixes(), 0..4),
        listen_port in any::<Option<u16>>(),
        mtu in prop::option::of(576..=65_475_u16),
        dns in prop::collection::vec("[a-z0-9.:]{1,12}", 0..3),
    ) -> Interface {
        let private_key = PrivateKey::from_bytes(key);
        Interface { private_key, addresses, listen_port, mtu, dns }
    }
}

prop_compose! {
    fn peers()(
        key in any::<[u8; 32]>(),
        psk in any::<Option<[u8; 32]>>(),
        allowed_ips in prop::collection::btree_set(prefixes(), 0..4),
        endpoint in prop::option::of(endpoints()),
        persistent_keepalive in any::<Option<std::num::NonZeroU16>>(),
    ) -> Peer {
        let public_key: PublicKey = PrivateKey::from_bytes(key).public_key();
        let preshared_key = psk.map(PresharedKey::from_bytes);
        let allowed_ips = allowed_ips.into_iter().map(|prefix| prefix.masked());
        let allowed_ips: std::collections::BTreeSet<_> = allowed_ips.collect();
        let allowed_ips = allowed_ips.into_iter().collect();
        Peer { public_key, preshared_key, allowed_ips, endpoint, persistent_keepalive }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(interface in interfaces(), peers in peers()) {
        prop_assume!(peers.public_key != interface.private_key.public_key());
        let config = Config { interface, peers: vec![peers] };
        prop_assert_eq!(config.to_string().parse(), Ok(config));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(\\[(Interface|Peer)\\]|[A-Za-z]{1,12} ?= ?[0-9a-f:./,+=-]{0,20}|.{0,12}|\n){0,30}") {
        _ = text.parse::<Config>();
    }
}
