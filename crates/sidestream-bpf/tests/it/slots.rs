//! Slots go with their sockets.

use std::time::Duration;

use sidestream_bpf::Slot;

use crate::ground::on_ground;

#[test]
fn frees_a_slot_when_its_socket_is_closed() {
    on_ground("frees_a_slot_when_its_socket_is_closed", |ground| {
        let mut client = ground.client();
        client.run("s = socket.create_connection(('192.0.2.7', 80)); t = s.dup()");
        let (_stream, slot, _) = ground.accept();
        client.run("s.close()");
        assert!(ground.hooks.origin(slot).unwrap().is_some(), "another descriptor has it");
        client.run("t.close()");
        assert_eq!(ground.hooks.origin(slot).unwrap(), None);
    });
}

#[test]
fn keeps_the_origin_of_a_client_that_closed_before_the_accept() {
    on_ground("keeps_the_origin_of_a_client_that_closed_before_the_accept", |ground| {
        let mut client = ground.client();
        client.run("s = socket.create_connection(('192.0.2.7', 80)); s.send(b'x'); s.close()");
        let (_stream, slot, origin) = ground.accept();
        assert!(origin.closed);
        assert_eq!(origin.destination, "192.0.2.7:80".parse().unwrap());
        assert_eq!(ground.hooks.origin(slot).unwrap(), None);
    });
}

#[test]
fn sweeps_what_nobody_accepted() {
    on_ground("sweeps_what_nobody_accepted", |ground| {
        let mut client = ground.client();
        client.run("socket.create_connection(('192.0.2.7', 80)).close()");
        client.run("open = socket.create_connection(('192.0.2.7', 80))");
        assert_eq!(ground.hooks.sweep(Duration::from_secs(3600)).unwrap(), 0);
        assert_eq!(ground.hooks.sweep(Duration::ZERO).unwrap(), 1);
        assert_eq!(ground.hooks.sweep(Duration::ZERO).unwrap(), 0);
    });
}

#[test]
fn knows_nothing_of_slots_that_are_not_in_use() {
    on_ground("knows_nothing_of_slots_that_are_not_in_use", |ground| {
        assert_eq!(ground.hooks.origin(Slot::new(5)).unwrap(), None);
    });
}
