//! How much one peer can make an end point hold and do.

/// Bounds what an [`Endpoint`](super::Endpoint) holds and does for its peer.
///
/// What goes beyond a limit ends the connection with ENHANCE_YOUR_CALM, unless the field says
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many bytes a field block may have, as it stands on the wire; 256 KiB.
    pub max_block_bytes: usize,
    /// In how many CONTINUATION frames a field block may go on; 128.
    pub max_continuations: u32,
    /// How long a list of fields may be, in bytes, with 32 more for each field (RFC 7541 §4.1);
    /// 256 KiB. It is announced.
    pub max_list_bytes: usize,
    /// The most fields in a list; 1,024.
    pub max_fields: usize,
    /// How many streams a client may have open; 100. It is announced, and what goes beyond it is
    /// reset with REFUSED_STREAM.
    pub max_streams: u32,
    /// How many bytes of a new stream are taken before anybody has read any of them; 65,535. A
    /// stream that is read gets more, as far as [`max_buffered_bytes`](Self::max_buffered_bytes)
    /// allows.
    pub stream_window_bytes: u32,
    /// How many bytes of bodies may wait to be read in a connection; 16 MiB. The windows hold a
    /// peer to it; three quarters of it are for streams, so it must be more than enough for
    /// [`max_streams`](Self::max_streams) windows.
    pub max_buffered_bytes: u32,
    /// How many more streams of a connection may end by a reset that the peer sent or provoked
    /// than end well; 1,000.
    pub max_resets: u32,
    /// How many frames may come that bring nothing on: settings, pings, priorities, updates of
    /// windows, empty and unknown frames; 2,000. What is sent and received of bodies, and what is
    /// answered, allows for more of them, and so do ten of them a second.
    pub max_idle_frames: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_block_bytes: 256 * 1024,
            max_continuations: 128,
            max_list_bytes: 256 * 1024,
            max_fields: 1024,
            max_streams: 100,
            stream_window_bytes: 65_535,
            max_buffered_bytes: 16 * 1024 * 1024,
            max_resets: 1000,
            max_idle_frames: 2000,
        }
    }
}

impl Limits {
    /// The window beyond which no stream grows, 4 MiB: at 100 ms to the server it still lets
    /// 40 MB a second through.
    pub(super) const MAX_STREAM_WINDOW: u32 = 4 * 1024 * 1024;

    /// How far the windows of streams may grow beyond what each of them has from its beginning.
    ///
    /// The windows of all streams together stay within three quarters of the connection's, and
    /// the connection's is opened again when a quarter of it is used: so it never is what stops a
    /// stream.
    pub(super) fn growth_bytes(&self) -> u32 {
        let begun = self.stream_window_bytes.saturating_mul(self.max_streams);
        (self.max_buffered_bytes / 4 * 3).saturating_sub(begun)
    }
}
