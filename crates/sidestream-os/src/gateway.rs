//! Gateways: what other hosts send through this machine.

pub use sidestream_linux::{
    GatewayStatus as Status, TransparentCapture as Capture, TransparentError as Error,
    TransparentOptions as Options, clear_gateway as clear, end_gateway as end,
    gateway_notes as notes, gateway_status as status,
};
