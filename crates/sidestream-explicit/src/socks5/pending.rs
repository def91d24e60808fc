//! A client that waits for its server.

use std::io;

use sidestream_capture::{BoxFuture, Pending, Stream};
use sidestream_record::DialFailure;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::farewell::farewell;
use crate::socks::{Reply, Version};

/// A client whose request is answered when its server was dialled.
pub(super) struct Asked {
    pub(super) stream: TcpStream,
    pub(super) version: Version,
}

impl Pending for Asked {
    fn accept(mut self: Box<Self>) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let reply = Reply::Succeeded.encode_unbound(self.version);
            self.stream.write_all(&reply).await?;
            Ok(Box::new(self.stream) as Box<dyn Stream>)
        })
    }

    fn refuse(self: Box<Self>, reason: &DialFailure) {
        let reply = Reply::from(reason).encode_unbound(self.version);
        // Flows are served on a runtime; without one nobody could be told.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { farewell(self.stream, &reply).await });
        }
    }
}
