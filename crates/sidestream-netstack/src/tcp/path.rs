//! Links on the way that carry less than the device (RFC 1191, RFC 8201).

use sidestream_flow::Transport;
use sidestream_packet::Quote;

use super::Tcp;
use super::flow::{Flow, Pair, State};
use super::sequence::Number;
use crate::core::Core;

/// What a router may make packets as short as: RFC 8200 §5, and what every host takes
/// (RFC 9293 §3.7.1). Whoever names less wants to slow a connection down.
const MIN_MTU: (u16, u16) = (576, 1280);

impl Tcp {
    /// Takes the message that a packet was too long for a link; answers whether it is believed.
    ///
    /// Anybody may say so, but only who has seen it knows a number that is under way (RFC 5927
    /// §4.1).
    pub(crate) fn handle_too_big(&mut self, core: &mut Core, quote: &Quote<'_>, mtu: u32) -> bool {
        // The quoted packet is one of ours: its sender was the server.
        let Some(key) = quote.key().filter(|key| key.transport == Transport::Tcp) else {
            return false;
        };
        let Some((_, [a, b, c, d])) = quote
            .transport_bytes()
            .split_at_checked(4)
            .and_then(|(ports, rest)| rest.first_chunk::<4>().map(|number| (ports, *number)))
        else {
            return false;
        };
        let number = Number(u32::from_be_bytes([a, b, c, d]));
        let pair = Pair { client: key.server, server: key.client };
        let Some((slot, flow)) = self.find(pair) else { return false };
        let Flow { offer, state: State::Active(active), .. } = flow else { return false };
        let (least, headers) =
            if pair.client.is_ipv4() { (MIN_MTU.0, 40) } else { (MIN_MTU.1, 60) };
        let size = u16::try_from(mtu).unwrap_or(u16::MAX).max(least) - headers;
        let before = offer.max_segment.unwrap_or(u16::MAX);
        if size >= before || !active.is_running() || !active.repair.flight().contains(number) {
            return false;
        }
        offer.max_segment = Some(size);
        active.repair.shorten(number, u32::from(before), u32::from(size));
        core.counters.shortened += 1;
        self.enqueue(slot);
        true
    }
}
