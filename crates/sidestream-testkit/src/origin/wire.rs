//! One accepted connection, plain or TLS, byte by byte.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ProtocolVersion, ServerConfig, ServerConnection, StreamOwned};
use socket2::SockRef;

use super::lock;

/// How much of what a connection received is kept for the test to read.
const KEPT_BYTES: usize = 1024 * 1024;

/// A connection as an origin's handler sees it: reads what the client sent, writes what it will get.
///
/// Every write goes out at once. Over TLS it is one record, or several where
/// it is longer than a record.
#[derive(Debug)]
pub struct Wire {
    transport: Transport,
    /// Read from the transport, not yet by the handler.
    pending: Vec<u8>,
    received: Arc<Mutex<Vec<u8>>>,
    end: Option<End>,
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// How the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Close,
    Cut,
    Reset,
}

impl Wire {
    pub(super) fn new(
        stream: TcpStream,
        tls: Option<Arc<ServerConfig>>,
        received: Arc<Mutex<Vec<u8>>>,
    ) -> io::Result<Self> {
        let transport = match tls {
            None => Transport::Plain(stream),
            Some(config) => {
                let connection = ServerConnection::new(config).map_err(io::Error::other)?;
                let mut tls = StreamOwned::new(connection, stream);
                while tls.conn.is_handshaking() {
                    tls.conn.complete_io(&mut tls.sock)?;
                }
                Transport::Tls(Box::new(tls))
            }
        };
        Ok(Self { transport, pending: Vec::new(), received, end: None })
    }

    /// Gives the address of the client's socket.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }

    /// Gives the server name that the client asked for, over TLS.
    pub fn server_name(&self) -> Option<&str> {
        self.tls()?.server_name()
    }

    /// Gives the application protocol that was agreed on, over TLS.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tls()?.alpn_protocol()
    }

    /// Gives the protocol version that was agreed on, over TLS.
    pub fn tls_version(&self) -> Option<ProtocolVersion> {
        self.tls()?.protocol_version()
    }

    /// Ends the sending side; the client may still send.
    ///
    /// # Errors
    ///
    /// When the connection is gone.
    pub fn shutdown_write(&mut self) -> io::Result<()> {
        if let Transport::Tls(tls) = &mut self.transport {
            tls.conn.send_close_notify();
            tls.flush()?;
        }
        self.socket().shutdown(Shutdown::Write)
    }

    /// Ends the connection in good order once the handler returns, as if the handler never had more to say.
    ///
    /// # Errors
    ///
    /// None; the result lets a handler end with it.
    pub fn close(&mut self) -> io::Result<()> {
        self.end = Some(End::Close);
        Ok(())
    }

    /// Ends the connection once the handler returns, over TLS without saying so (no `close_notify`).
    ///
    /// # Errors
    ///
    /// None; the result lets a handler end with it.
    pub fn cut(&mut self) -> io::Result<()> {
        self.end = Some(End::Cut);
        Ok(())
    }

    /// Resets the connection once the handler returns: the client sees `ECONNRESET`.
    ///
    /// # Errors
    ///
    /// None; the result lets a handler end with it.
    pub fn reset(&mut self) -> io::Result<()> {
        self.end = Some(End::Reset);
        Ok(())
    }

    /// Reads on until `pending` satisfies `enough`, which gives how many bytes to take; `None` at a clean end.
    pub(super) fn read_until(
        &mut self,
        enough: impl Fn(&[u8]) -> io::Result<Option<usize>>,
    ) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(len) = enough(&self.pending)? {
                return Ok(Some(self.pending.drain(..len).collect()));
            }
            let mut buffer = [0; 16 * 1024];
            match self.receive(&mut buffer)? {
                0 if self.pending.is_empty() => return Ok(None),
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => self.pending.extend_from_slice(&buffer[..len]),
            }
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.end.is_some()
    }

    /// Ends the connection as the handler asked, else in good order.
    pub(super) fn finish(mut self) -> io::Result<()> {
        match self.end.unwrap_or(End::Close) {
            End::Reset => return SockRef::from(self.socket()).set_linger(Some(Duration::ZERO)),
            End::Cut => self.socket().shutdown(Shutdown::Write)?,
            End::Close => self.shutdown_write()?,
        }
        // A close with bytes unread would reset the connection, and the answer could be lost.
        self.socket().set_nonblocking(true)?;
        let mut buffer = [0; 16 * 1024];
        while self.socket().read(&mut buffer).is_ok_and(|len| len > 0) {}
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = match &mut self.transport {
            Transport::Plain(stream) => stream.read(buffer)?,
            Transport::Tls(tls) => tls.read(buffer)?,
        };
        let mut received = lock(&self.received);
        let room = KEPT_BYTES.saturating_sub(received.len());
        received.extend_from_slice(&buffer[..len.min(room)]);
        Ok(len)
    }

    fn socket(&self) -> &TcpStream {
        match &self.transport {
            Transport::Plain(stream) => stream,
            Transport::Tls(tls) => &tls.sock,
        }
    }

    fn tls(&self) -> Option<&ServerConnection> {
        match &self.transport {
            Transport::Plain(_) => None,
            Transport::Tls(tls) => Some(&tls.conn),
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.pending.is_empty() {
            return self.receive(buffer);
        }
        let len = buffer.len().min(self.pending.len());
        buffer[..len].copy_from_slice(&self.pending[..len]);
        self.pending.drain(..len);
        Ok(len)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.transport {
            Transport::Plain(stream) => stream.write(bytes),
            Transport::Tls(tls) => {
                let len = tls.write(bytes)?;
                tls.flush()?;
                Ok(len)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.transport {
            Transport::Plain(stream) => stream.flush(),
            Transport::Tls(tls) => tls.flush(),
        }
    }
}
