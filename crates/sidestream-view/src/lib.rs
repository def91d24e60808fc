#![doc = include_str!("../README.md")]

mod choose;
mod code;
mod dns;
mod form;
mod graphql;
mod image;
mod json;
mod llm;
mod markup;
mod msgpack;
mod multipart;
mod out;
mod protobuf;
mod schema;
mod sink;
mod sse;
mod text;
mod typed;
mod value;
mod view;

pub use choose::{NAMES, choose, view};
pub use schema::{MessageType, Schema, SchemaError, Side, typed_view};
pub use sink::{Sink, Style};
pub use view::View;
