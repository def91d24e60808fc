#![doc = include_str!("../README.md")]

mod advice;
mod book;
mod dns;
mod edit;
mod event;
mod exchange;
mod failure;
mod flow;
mod http;
mod kept;
mod notes;
mod passed;
mod seldom;
mod sink;
mod tls;
mod via;
mod websocket;
mod wire;
pub mod wording;

pub use advice::{Advice, Advised};
pub use book::{Book, Finished, Message};
pub use dns::{DnsMessage, DnsQuestion, DnsRecord, Edns};
pub use edit::{Change, Edit, SentBody};
pub use event::{Alteration, Closed, Entry, Event, Opened, Part, Point, Protocol};
pub use exchange::{Body, Exchange, Timing};
pub use failure::{Blame, DialFailure, Failure, ProxyFailure};
pub use flow::Flow;
pub use http::{Field, Fields, RequestHead, ResponseHead, Version};
pub use notes::{Annotation, Notes, Replay};
pub use passed::{Offered, PassReason, Passed};
pub use seldom::{Empty, Seldom};
pub use sink::{Recorded, Sink};
pub use tls::{Certificate, ClientCertificate, HelloDifference, HelloPart, Tls, TlsVersion};
pub use via::{Forwards, Via};
pub use websocket::{MessageChange, MessageEdit, WebSocketKind, WebSocketMessage};
pub use wire::{Secrets, Wire};
