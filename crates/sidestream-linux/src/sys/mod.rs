//! One public file; the body is picked by system.

#[cfg_attr(target_os = "linux", path = "linux/mod.rs")]
#[cfg_attr(not(target_os = "linux"), path = "fallback.rs")]
mod imp;

pub use imp::{Caller, Rendezvous, isolate, restrict, serve};
pub use imp::{LocalCapture, LocalDial, check_local};
pub use imp::{Parts, Running, Sandbox, SandboxCapture, check, check_seccomp};
pub use imp::{TransparentCapture, check_gateway, gateway_notes};
pub use imp::{clear_gateway, end_gateway, gateway_status};
