//! The datagrams between a client and one server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use sidestream_capture::{Association, BoxFuture};
use tokio::net::UdpSocket;
use tokio::sync::OwnedSemaphorePermit;

use super::queue::Queue;

/// One server's part of a client's association.
pub(crate) struct Flow {
    queue: Arc<Queue>,
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    /// What stands before each answer: from whom it comes, as the client has called it.
    header: Vec<u8>,
    answer: Vec<u8>,
    /// Waits for room in the socket, which all flows of the client share.
    waiting: Option<BoxFuture<'static, io::Result<()>>>,
    _permit: OwnedSemaphorePermit,
}

impl Flow {
    pub(crate) fn new(
        queue: Arc<Queue>,
        socket: Arc<UdpSocket>,
        client: SocketAddr,
        header: Vec<u8>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self { queue, socket, client, header, answer: Vec::new(), waiting: None, _permit: permit }
    }
}

impl Flow {
    /// Returns where the client's datagrams come to.
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.socket.local_addr().unwrap_or(self.client)
    }
}

impl Association for Flow {
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        self.queue.poll_pop(cx).map(Ok)
    }

    fn poll_send(&mut self, cx: &mut Context<'_>, datagram: &[u8]) -> Poll<io::Result<()>> {
        self.answer.clear();
        self.answer.extend_from_slice(&self.header);
        self.answer.extend_from_slice(datagram);
        loop {
            if let Some(waiting) = &mut self.waiting {
                let writable = ready!(waiting.as_mut().poll(cx));
                self.waiting = None;
                writable?;
            }
            match self.socket.try_send_to(&self.answer, self.client) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent.map(|_len| ())),
            }
            let socket = Arc::clone(&self.socket);
            self.waiting = Some(Box::pin(async move { socket.writable().await }));
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.queue.close();
    }
}
