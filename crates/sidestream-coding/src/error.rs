//! Why a body cannot be decoded to its end.

/// Why a body cannot be decoded, or not to its end; what came before was handed out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are none of this coding.
    #[error("the {coding} of the body is broken")]
    Broken {
        /// Which coding.
        coding: String,
    },
    /// It grew by more than is allowed.
    #[error("the body becomes more than {most} times as long once it is decoded")]
    Ratio {
        /// How many times as long as what was sent it may become.
        most: u64,
    },
    /// It becomes longer than allowed.
    #[error("the body is longer than {most} bytes once it is decoded")]
    TooLong {
        /// How many bytes are allowed.
        most: u64,
    },
    /// More codings lie over each other than are taken off.
    #[error("{codings} content codings lie over each other, and at most {most} are taken off")]
    TooMany {
        /// How many there are.
        codings: usize,
        /// How many may be.
        most: usize,
    },
    /// More bytes follow the end of what is coded.
    #[error("something else follows the {coding} of the body")]
    Trailing {
        /// Which coding had ended.
        coding: String,
    },
    /// It ends before the coding does.
    #[error("the {coding} of the body is cut short")]
    Truncated {
        /// Which coding.
        coding: String,
    },
    /// The coding is none that is known.
    #[error("the content coding {coding} is not known")]
    Unknown {
        /// What it calls itself.
        coding: String,
    },
    /// To decode it takes more memory than allowed.
    #[error("the {coding} of the body needs a window of {bytes} bytes, and {most} are allowed")]
    Window {
        /// Which coding.
        coding: String,
        /// How large a window it asks for.
        bytes: u64,
        /// How large it may be.
        most: u64,
    },
}

impl DecodeError {
    pub(crate) fn broken(coding: &str) -> Self {
        Self::Broken { coding: coding.to_owned() }
    }

    pub(crate) fn trailing(coding: &str) -> Self {
        Self::Trailing { coding: coding.to_owned() }
    }

    pub(crate) fn truncated(coding: &str) -> Self {
        Self::Truncated { coding: coding.to_owned() }
    }
}
