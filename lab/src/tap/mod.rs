//! Packets of a host in a file, for people who look for a failure.

mod pcapng;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::sys::{Captured, Packets, has_hung_up, wait_readable};
use pcapng::Direction;

/// How much of a packet is kept.
const SNAP: usize = 65_535;

/// How much is written at most.
const LIMIT: u64 = 256 << 20;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;

/// Writes all IP packets of this thread's network namespace to a file, until it is dropped.
#[derive(Debug)]
pub(crate) struct Tap {
    /// Closed to end the thread.
    goes_on: Option<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Tap {
    /// Starts; what is sent when this has returned is seen.
    pub(crate) fn start(path: &Path) -> io::Result<Self> {
        let packets = Packets::open()?;
        let mut file = BufWriter::new(File::create(path)?);
        pcapng::write_header(&mut file, &format!("sidestream-lab {}", env!("CARGO_PKG_VERSION")))?;
        file.flush()?;
        let (ended, goes_on) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let thread = thread::spawn(move || {
            let mut writes = Writes { packets, file, devices: BTreeMap::new(), written: 0 };
            // A file that cannot be written is short, and the trial goes on.
            _ = writes.until(&ended).and_then(|()| writes.file.flush());
        });
        Ok(Self { goes_on: Some(goes_on), thread: Some(thread) })
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.goes_on = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell if it panicked.
            _ = thread.join();
        }
    }
}

struct Writes {
    packets: Packets,
    file: BufWriter<File>,
    /// The number in the file of each device that was seen.
    devices: BTreeMap<u32, u32>,
    written: u64,
}

impl Writes {
    fn until(&mut self, ended: &OwnedFd) -> io::Result<()> {
        let mut buf = vec![0; SNAP];
        loop {
            while let Some(captured) = self.packets.take(&mut buf)? {
                self.write(captured, &buf[..captured.len])?;
            }
            if has_hung_up(ended.as_fd())? {
                return Ok(());
            }
            self.file.flush()?;
            wait_readable(&[self.packets.as_fd(), ended.as_fd()], None)?;
        }
    }

    fn write(&mut self, captured: Captured, packet: &[u8]) -> io::Result<()> {
        let is_ip = matches!(captured.protocol, IPV4 | IPV6);
        let count = self.devices.len();
        if !is_ip || self.written > LIMIT {
            return Ok(());
        }
        let device = match self.devices.get(&captured.device) {
            Some(device) => *device,
            None => {
                let name = self.packets.device_name(captured.device);
                pcapng::write_interface(&mut self.file, &name)?;
                let device = u32::try_from(count).map_err(io::Error::other)?;
                self.devices.insert(captured.device, device);
                device
            }
        };
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let direction = if captured.outgoing { Direction::Out } else { Direction::In };
        pcapng::write_packet(&mut self.file, device, at, direction, packet)?;
        self.written += packet.len() as u64;
        Ok(())
    }
}
