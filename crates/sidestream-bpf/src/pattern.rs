//! Patterns of paths, as automata of 64 states.

/// The most bytes of a pattern that the hooks look at: there is one state more.
const MAX_LEN: usize = 63;

/// What the path of an executable looks like, or the last component of that.
///
/// Whether a text matches a pattern with a `?` or with more than 63 other bytes than `*` is left
/// open where the rest of it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// How many bytes there are: a text is in the state of as many as it has matched.
    len: usize,
    /// Whether all is in the states that was asked for.
    pub(crate) is_exact: bool,
    /// The states that any byte leaves alone.
    pub(crate) loops: u64,
    /// The states that each byte leads to.
    pub(crate) steps: Box<[u64; 256]>,
}

impl Pattern {
    /// Matches what contains `text`.
    pub fn containing(text: &str) -> Self {
        let mut pattern = Self::empty();
        pattern.repeat();
        text.bytes().for_each(|byte| pattern.push(byte));
        pattern.repeat();
        pattern
    }

    /// Matches what a glob matches: `*` stands for any run of bytes, also for slashes, and `?` for
    /// one character.
    pub fn glob(glob: &str) -> Self {
        let mut pattern = Self::empty();
        for byte in glob.bytes() {
            match byte {
                b'*' => pattern.repeat(),
                b'?' => pattern.leave_open(),
                byte => pattern.push(byte),
            }
        }
        pattern
    }

    fn empty() -> Self {
        Self { len: 0, is_exact: true, loops: 0, steps: Box::new([0; 256]) }
    }

    /// The state of what matches.
    pub(crate) const fn accept(&self) -> u64 {
        1 << self.len
    }

    /// Goes on with a byte.
    fn push(&mut self, byte: u8) {
        if self.len == MAX_LEN {
            return self.leave_open();
        }
        self.len += 1;
        self.steps[usize::from(byte)] |= self.accept();
    }

    /// Goes on with any run of bytes.
    fn repeat(&mut self) {
        self.loops |= self.accept();
    }

    /// Goes on with what is not looked at.
    fn leave_open(&mut self) {
        self.repeat();
        self.is_exact = false;
    }
}
