//! HTTP/1 on one side, HTTP/2 on the other.

mod alpn;
mod down;
mod hooks;
mod hostile;
mod lab;
mod peers;
mod refusals;
mod round_trips;
mod smuggling;
mod sockets;
mod stage;
mod up;
