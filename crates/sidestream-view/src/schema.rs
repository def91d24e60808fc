//! Definitions of protocol buffers, and which message is meant.

use prost_reflect::{DescriptorPool, MessageDescriptor};

use crate::protobuf::Grpc;
use crate::typed::Message;
use crate::view::{Streamed, View};

/// Definitions of protocol buffers, as a compiler of `.proto` files puts them together.
#[derive(Clone, Debug)]
pub struct Schema {
    pool: DescriptorPool,
}

/// Why definitions cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the definitions of protocol buffers cannot be used; compile them anew, with all imports")]
pub struct SchemaError {
    source: prost_reflect::DescriptorError,
}

/// The definition of one kind of message.
#[derive(Clone, Debug)]
pub struct MessageType(pub(crate) MessageDescriptor);

/// Which of the two messages of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a call has these two")]
pub enum Side {
    /// What is asked.
    Request,
    /// What is answered.
    Response,
}

/// The parameters of a content type that name a message.
const PARAMETERS: [&str; 4] = ["messagetype", "message-type", "message", "proto"];

impl Schema {
    /// Takes an encoded `google.protobuf.FileDescriptorSet`, in which each file stands behind those
    /// that it imports.
    ///
    /// # Errors
    ///
    /// It is none, or an import is missing.
    pub fn new(descriptor_set: &[u8]) -> Result<Self, SchemaError> {
        let pool =
            DescriptorPool::decode(descriptor_set).map_err(|source| SchemaError { source })?;
        Ok(Self { pool })
    }

    /// Returns the message of that name, as `package.Message`.
    pub fn message(&self, name: &str) -> Option<MessageType> {
        self.pool.get_message_by_name(name).map(MessageType)
    }

    /// Returns the message that a call sends: `path` is that of its URL, which ends with
    /// `/package.Service/Method`, as those of gRPC, Connect and Twirp do.
    pub fn call(&self, path: &str, side: Side) -> Option<MessageType> {
        let path = path.split(['?', '#']).next()?;
        let mut parts = path.rsplit('/');
        let (method, service) = (parts.next()?, parts.next()?);
        let service = self.pool.get_service_by_name(service)?;
        let method = service.methods().find(|it| it.name() == method)?;
        Some(MessageType(match side {
            Side::Request => method.input(),
            Side::Response => method.output(),
        }))
    }

    /// Returns the message that a content type names in a parameter, as
    /// `application/x-protobuf; messageType="package.Message"` does.
    pub fn named(&self, content_type: &str) -> Option<MessageType> {
        content_type.split(';').skip(1).find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let name = name.trim().to_ascii_lowercase();
            let is_known = PARAMETERS.contains(&&*name);
            is_known.then(|| self.message(value.trim().trim_matches('"')))?
        })
    }
}

impl MessageType {
    /// Returns its name, as `package.Message`.
    pub fn name(&self) -> &str {
        self.0.full_name()
    }
}

/// Returns the view of that name for messages of which the definition is known; `None` for a view
/// that shows none (it is `grpc` and `protobuf` that do).
pub fn typed_view(name: &str, message: &MessageType) -> Option<Box<dyn View>> {
    match name {
        "grpc" => Some(Box::new(Streamed::new(Grpc::of(message.clone())))),
        "protobuf" => Some(Box::new(Streamed::new(Message::new(message.clone())))),
        _ => None,
    }
}
