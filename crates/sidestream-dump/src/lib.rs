#![doc = include_str!("../README.md")]

mod error;
mod flow;
mod parse;
mod pem;
mod reader;
mod tnet;
mod write;

pub use error::{FlowError, ReadError, TnetError};
pub use flow::{
    Connection, Content, Dns, DnsMessage, DnsQuestion, DnsRecord, Endpoint, Failure, Fields, Flow,
    Http, Message, Replayed, Request, Response, Socket, SocketMessage,
};
pub use reader::{Reader, looks_like_dump};
pub use tnet::Value;
pub use write::{VERSION, write};
