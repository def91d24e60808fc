#![doc = include_str!("../README.md")]

mod command;
mod csv;
mod literal;
mod quote;
mod raw;
mod request;
mod script;

pub use command::{curl, httpie, wget};
pub use csv::{Column, ParseColumnError, csv_head, csv_row};
pub use quote::shell;
pub use raw::{raw_request, raw_response};
pub use request::{ExportError, Request};
pub use script::{fetch, python};
