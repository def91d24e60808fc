//! The clients of mode `wireguard` and their files.

use std::fs;
use std::path::Path;

use sidestream::wireguard::Endpoint;
use sidestream_cli::wireguard::{Store, endpoint};

fn to() -> Endpoint {
    "192.0.2.1:51820".parse().unwrap()
}

fn store(folder: &Path) -> Store {
    Store::new(Some(folder)).unwrap()
}

#[test]
fn keys_are_made_once_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let server = store.server().unwrap();
    assert_eq!(store.server().unwrap(), server);
    let client = store.add("phone", to(), None).unwrap();
    assert_eq!(store.client("phone").unwrap().text, client.text);
    let told = store.add("phone", to(), None).unwrap_err().to_string();
    assert!(told.starts_with("there is a client \"phone\" already"), "{told}");
    #[cfg(unix)]
    for path in [store.server_path(), client.path] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn each_client_has_the_next_addresses_that_are_free() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let address = |name: &str| {
        let client = store.add(name, to(), None).unwrap();
        client.config.interface.addresses.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(address("a"), ["10.83.100.2/32", "fd73:6473:8310::2/128"]);
    assert_eq!(address("b"), ["10.83.100.3/32", "fd73:6473:8310::3/128"]);
    store.remove("a").unwrap();
    assert_eq!(address("c"), ["10.83.100.2/32", "fd73:6473:8310::2/128"]);
    for number in 0..251 {
        address(&format!("n{number}"));
    }
    let told = store.add("last", to(), None).unwrap_err().to_string();
    assert!(told.starts_with("no address is left"), "{told}");
}

#[test]
fn a_client_follows_this_machine_unless_a_name_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let client = store.add("a", to(), None).unwrap();
    let old = client.text.clone();
    let moved = store.point(client, &"198.51.100.1:4000".parse().unwrap()).unwrap();
    assert_eq!(moved.text, old.replace("192.0.2.1:51820", "198.51.100.1:4000"));
    assert_eq!(store.client("a").unwrap().text, moved.text);
    let named = store.add("b", "vpn.test:1".parse().unwrap(), None).unwrap();
    let text = named.text.clone();
    assert_eq!(store.point(named, &to()).unwrap().text, text);
}

#[test]
fn a_damaged_file_is_told_with_its_line_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let client = store.add("a", to(), None).unwrap();
    fs::write(&client.path, client.text.replace("AllowedIPs", "AlowedIPs")).unwrap();
    let server = store.server().unwrap().interface;
    let told = store.clients(&server).unwrap_err().to_string();
    assert!(told.starts_with(&format!("{}:8: no setting", client.path.display())), "{told}");

    fs::write(&client.path, &client.text).unwrap();
    fs::copy(&client.path, client.path.with_file_name("b.conf")).unwrap();
    let told = store.clients(&server).unwrap_err().to_string();
    assert!(told.ends_with("have the same key, remove one"), "{told}");

    fs::write(store.server_path(), "nothing").unwrap();
    let told = store.server().unwrap_err().to_string();
    assert!(told.contains("server.conf:1: neither a section"), "{told}");
    assert_eq!(fs::read_to_string(store.server_path()).unwrap(), "nothing");
}

#[test]
fn no_client_has_a_name_that_leads_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for name in
        ["", "server", "Server", "..", ".a", "-a", "a/b", "../a", "a b", "a\0", "sixteen-letters-"]
    {
        let told = store.add(name, to(), None).unwrap_err().to_string();
        assert!(told.contains("cannot be the name of a client"), "{name:?}: {told}");
    }
}

#[test]
fn an_endpoint_is_a_host_with_or_without_a_port() {
    let parse = |text: &str| endpoint::parse(text, 7).map(|endpoint| endpoint.to_string()).ok();
    for (text, expected) in [
        ("vpn.test", Some("vpn.test:7")),
        ("vpn.test:9", Some("vpn.test:9")),
        ("192.0.2.1", Some("192.0.2.1:7")),
        ("2001:db8::1", Some("[2001:db8::1]:7")),
        ("[2001:db8::1]", Some("[2001:db8::1]:7")),
        ("[2001:db8::1]:9", Some("[2001:db8::1]:9")),
        ("", None),
        ("vpn.test:", None),
        ("vpn.test:0", None),
        ("a b", None),
    ] {
        assert_eq!(parse(text).as_deref(), expected, "{text}");
    }
}
