//! What goes wrong on machines: the helper says so in plain words, and programs go on working.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../it/actor.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod actor;
mod bytes;
mod container;
mod crowds;
#[path = "../it/deeds.rs"]
mod deeds;
#[path = "../it/ground.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod ground;
mod kills;
mod machine;
mod neighbors;
mod program;
#[path = "../it/proxy/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod proxy;
mod scene;
#[path = "../it/server.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod server;
mod v6;
