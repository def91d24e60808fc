//! What the crate promises its users, with the real tools of GNOME and KDE.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod environment;
mod gnome;
mod home;
mod kde;
mod session;
