//! One end of the link: the tasks that read and write frames, and the flows they belong to.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;

use super::flow::Flow;
use super::frame::{Body, Frame, decode, encode};

/// How many bytes the link itself holds.
pub(super) const BUFFER: usize = 64 * 1024;

/// How many datagrams may wait for the link, and how many for one receiver.
const DATAGRAMS_OUT: usize = 256;
pub(super) const DATAGRAMS_IN: usize = 64;

/// A datagram and who sent it.
pub(super) type Datagram = (SocketAddr, Bytes);

/// One end of the link.
#[derive(Debug)]
pub(super) struct End {
    /// Needs no bound: a stream's frames are bounded by its credit, datagrams by permits.
    out: mpsc::UnboundedSender<Queued>,
    datagrams_out: Arc<Semaphore>,
    flows: Mutex<Flows>,
}

#[derive(Debug)]
enum Queued {
    /// The permit is a datagram's, given back when it has left the queue.
    Frame(Frame, Option<OwnedSemaphorePermit>),
    /// Nothing follows.
    Last,
}

#[derive(Debug, Default)]
struct Flows {
    over: bool,
    by_id: HashMap<u64, Entry>,
}

#[derive(Debug)]
enum Entry {
    Stream(Arc<Flow>),
    /// Where datagrams go, and whom they come from.
    Datagrams(SocketAddr, mpsc::Sender<Datagram>),
}

/// Ends the link when it is dropped, once what is queued has been written.
#[derive(Debug)]
pub(super) struct Tasks {
    end: Arc<End>,
    reading: AbortHandle,
}

impl Tasks {
    /// Ends the link, once what is queued has been written.
    pub(super) fn cut(&self) {
        self.reading.abort();
        self.end.close();
        drop(self.end.out.send(Queued::Last));
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.cut();
    }
}

impl End {
    /// Starts both tasks; `on_frame` gets what belongs to no flow that is there.
    pub(super) fn start(
        link: DuplexStream,
        on_frame: impl FnMut(&Arc<Self>, Frame) + Send + 'static,
    ) -> (Arc<Self>, Tasks) {
        let (reads, writes) = tokio::io::split(link);
        let (out, queue) = mpsc::unbounded_channel();
        let datagrams_out = Arc::new(Semaphore::new(DATAGRAMS_OUT));
        let end = Arc::new(Self { out, datagrams_out, flows: Mutex::default() });
        let reading = tokio::spawn(read(reads, Arc::clone(&end), on_frame));
        tokio::spawn(write(writes, queue));
        (Arc::clone(&end), Tasks { end, reading: reading.abort_handle() })
    }

    fn lock(&self) -> MutexGuard<'_, Flows> {
        self.flows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().over
    }

    /// Queues a frame; when the link is over there is nobody to tell.
    pub(super) fn send(&self, flow: u64, body: Body) {
        drop(self.out.send(Queued::Frame(Frame { flow, body }, None)));
    }

    /// Queues a datagram, or loses it when too many wait.
    pub(super) fn send_datagram(&self, flow: u64, datagram: &[u8]) {
        let Ok(permit) = Arc::clone(&self.datagrams_out).try_acquire_owned() else { return };
        let body = Body::Datagram(Bytes::copy_from_slice(datagram));
        drop(self.out.send(Queued::Frame(Frame { flow, body }, Some(permit))));
    }

    pub(super) fn add_stream(&self, id: u64) -> Arc<Flow> {
        let flow = Arc::<Flow>::default();
        let mut flows = self.lock();
        if flows.over {
            flow.reset();
        } else {
            flows.by_id.insert(id, Entry::Stream(Arc::clone(&flow)));
        }
        flow
    }

    pub(super) fn add_datagrams(&self, id: u64, from: SocketAddr, to: mpsc::Sender<Datagram>) {
        let mut flows = self.lock();
        if !flows.over {
            flows.by_id.insert(id, Entry::Datagrams(from, to));
        }
    }

    pub(super) fn has(&self, id: u64) -> bool {
        self.lock().by_id.contains_key(&id)
    }

    pub(super) fn remove(&self, id: u64) {
        self.lock().by_id.remove(&id);
    }

    /// Ends all flows.
    fn close(&self) {
        let mut flows = self.lock();
        flows.over = true;
        for (_id, entry) in flows.by_id.drain() {
            if let Entry::Stream(flow) = entry {
                flow.lost();
            }
        }
    }

    /// Gives a frame to its flow; returns it when it has none.
    fn dispatch(&self, frame: Frame) -> Option<Frame> {
        let mut flows = self.lock();
        match (flows.by_id.get(&frame.flow), frame.body) {
            (Some(Entry::Stream(flow)), Body::Accept) => flow.answered(Ok(())),
            (Some(Entry::Stream(flow)), Body::Refuse(reason)) => flow.answered(Err(reason)),
            (Some(Entry::Stream(flow)), Body::Credit(bytes)) => flow.credit(bytes),
            (Some(Entry::Stream(flow)), Body::Eof) => flow.eof(),
            (Some(Entry::Stream(flow)), Body::Data(bytes)) => {
                if !flow.data(bytes) {
                    flow.reset();
                    flows.by_id.remove(&frame.flow);
                    self.send(frame.flow, Body::Reset);
                }
            }
            (Some(Entry::Stream(flow)), Body::Reset) => {
                flow.reset();
                flows.by_id.remove(&frame.flow);
            }
            (Some(Entry::Datagrams(from, to)), Body::Datagram(bytes)) => {
                // A full queue loses what comes.
                drop(to.try_send((*from, bytes)));
            }
            (Some(Entry::Datagrams(..)), Body::Eof | Body::Reset) => {
                flows.by_id.remove(&frame.flow);
            }
            // As a kernel answers what is sent to a closed socket.
            (None, Body::Data(_)) => self.send(frame.flow, Body::Reset),
            (_, body) => return Some(Frame { flow: frame.flow, body }),
        }
        None
    }
}

async fn read(
    mut link: ReadHalf<DuplexStream>,
    end: Arc<End>,
    mut on_frame: impl FnMut(&Arc<End>, Frame),
) {
    let mut buf = BytesMut::with_capacity(BUFFER);
    // What cannot be decoded ends the link like its end: nothing after it has a meaning.
    while let Ok(1..) = link.read_buf(&mut buf).await {
        loop {
            match decode(&mut buf) {
                Ok(Some(frame)) => {
                    if let Some(frame) = end.dispatch(frame) {
                        on_frame(&end, frame);
                    }
                }
                Ok(None) => break,
                Err(_broken) => return end.close(),
            }
        }
    }
    end.close();
}

async fn write(
    mut link: WriteHalf<DuplexStream>,
    mut queue: mpsc::UnboundedReceiver<Queued>,
) -> io::Result<()> {
    let mut buf = BytesMut::with_capacity(BUFFER);
    while let Some(Queued::Frame(frame, _permit)) = queue.recv().await {
        // Whoever makes frames keeps them within bounds; one that is not is lost.
        if encode(&frame, &mut buf).is_ok() {
            link.write_all(&buf).await?;
            buf.clear();
        }
    }
    Ok(())
}
