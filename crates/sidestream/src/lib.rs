#![doc = include_str!("../README.md")]

mod builder;
mod handle;
mod listen;
mod owner;

pub use builder::{Builder, Sidestream};
pub use handle::{Ending, Handle};
pub use listen::{Listening, listen};
pub use sidestream_ca as ca;
pub use sidestream_capture as capture;
pub use sidestream_explicit as explicit;
pub use sidestream_flow as flow;
pub use sidestream_ipc as ipc;
pub use sidestream_os as os;
pub use sidestream_process as process;
pub use sidestream_proxy as proxy;
pub use sidestream_record as record;
pub use sidestream_relay as relay;
pub use sidestream_spec as spec;
pub use sidestream_store as store;
pub use sidestream_trust as trust;
