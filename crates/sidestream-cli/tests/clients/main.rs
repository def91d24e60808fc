//! Real programs, unmodified, under `sidestream run`: each sees its server, and is seen.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod certificates;
mod chromium;
mod conformance;
mod connections;
mod curl;
mod detect;
mod ends;
mod fidelity;
mod git;
mod go;
mod harness;
mod hosts;
mod http2;
mod java;
mod last_words;
mod local;
mod modern;
mod no_trace;
mod node;
mod outputs;
mod python;
mod raw;
mod regular;
mod reverse;
mod reverse_auth;
mod revocation;
mod rules;
mod seccomp;
mod smuggling;
mod socks5;
mod system_proxy;
mod tls;
mod transparent;
mod truncated;
mod trust;
mod upstream;
mod views;
mod websocket;
mod websocket_h2;
mod websocket_rules;
mod wget;
mod wireguard;
