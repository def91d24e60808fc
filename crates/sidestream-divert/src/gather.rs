//! Packets on their way to the proxy.

use std::time::Instant;

use sidestream_packet::{Batch, Offload};

use crate::{Config, FlowNumber, Tag};

/// The batch that is filled, and how many are on their way.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    batch: Batch<Tag>,
    until: Option<Instant>,
    under_way: usize,
    /// Flows that have ended with what is gathered.
    ended: Vec<FlowNumber>,
    /// The number of the batch that is filled.
    serial: u64,
}

impl Gather {
    pub(crate) const fn batch(&self) -> &Batch<Tag> {
        &self.batch
    }

    pub(crate) const fn under_way(&self) -> usize {
        self.under_way
    }

    pub(crate) const fn serial(&self) -> u64 {
        self.serial
    }

    /// Whether another packet of that length must wait for the next batch.
    pub(crate) fn is_full(&self, len: usize, config: &Config) -> bool {
        let bytes = self.batch.bytes().len();
        bytes > 0 && bytes + len > config.batch_bytes || self.batch.len() >= config.batch_packets
    }

    pub(crate) const fn may_send(&self, config: &Config) -> bool {
        self.under_way < config.max_batches
    }

    pub(crate) fn push(
        &mut self,
        packet: &[u8],
        flow: FlowNumber,
        settle: impl FnOnce(&mut [u8]) -> (Offload, usize),
        (now, config): (Instant, &Config),
    ) {
        self.batch.push(packet, Tag { flow, offload: Offload::default() });
        let (offload, len) = settle(self.batch.last_mut());
        self.batch.set_last(Tag { flow, offload }, len);
        self.until.get_or_insert(now + config.batch_delay);
    }

    /// Whether what is gathered is to leave: nothing is on its way, or it has waited for enough.
    pub(crate) fn is_due(&self, now: Instant, config: &Config) -> bool {
        let full = self.is_full(1, config);
        let waited = self.until.is_some_and(|until| until <= now);
        !self.batch.is_empty() && self.may_send(config) && (self.under_way == 0 || full || waited)
    }

    /// Says when what is gathered leaves by itself.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Instant> {
        self.until.filter(|_| self.may_send(config))
    }

    /// Takes what is gathered, and the flows that have ended with it.
    pub(crate) fn take(&mut self) -> (Batch<Tag>, Vec<FlowNumber>) {
        self.under_way += 1;
        let ended = std::mem::take(&mut self.ended);
        (self.clear(), ended)
    }

    /// Whether a packet of a flow is gathered, whose last one is in that batch.
    pub(crate) const fn holds(&self, batch: u64) -> bool {
        !self.batch.is_empty() && batch == self.serial
    }

    /// Notes that a flow ends with what is gathered.
    pub(crate) fn end(&mut self, flow: FlowNumber) {
        self.ended.push(flow);
    }

    pub(crate) const fn taken(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// Throws away what is gathered, and forgets what is on its way.
    pub(crate) fn abandon(&mut self) -> usize {
        self.under_way = 0;
        self.ended.clear();
        self.clear().len()
    }

    fn clear(&mut self) -> Batch<Tag> {
        self.until = None;
        self.serial += 1;
        std::mem::take(&mut self.batch)
    }
}
