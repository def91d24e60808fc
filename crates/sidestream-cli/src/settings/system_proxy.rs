//! Whom `--set-system-proxy` tells.

use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer};

/// Who is told of the system's proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum SystemProxy {
    /// The desktops whose settings are here.
    Desktop,
    /// Programs of the next session, by variables.
    Environment,
    /// GNOME's settings, and who reads them.
    Gnome,
    /// KDE's settings.
    Kde,
}

/// It is nobody that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("use desktop, gnome, kde, environment, with commas")]
pub struct ParseSystemProxyError;

impl SystemProxy {
    /// Reads a list; `1` is the desktop, and `0` nobody.
    ///
    /// # Errors
    ///
    /// A word in it is none.
    pub fn list(text: &str) -> Result<Vec<Self>, ParseSystemProxyError> {
        match text.trim() {
            "1" | "true" | "yes" => Ok(vec![Self::Desktop]),
            "0" | "false" | "no" => Ok(Vec::new()),
            words => words.split(',').map(|word| word.trim().parse()).collect(),
        }
    }
}

impl FromStr for SystemProxy {
    type Err = ParseSystemProxyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut known = Self::value_variants().iter().copied();
        let is_it = |one: &Self| one.to_possible_value().is_some_and(|it| it.matches(text, true));
        known.find(is_it).ok_or(ParseSystemProxyError)
    }
}

/// Reads `true`, or a list of words.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<SystemProxy>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Flag(bool),
        Words(Vec<String>),
    }
    let list = match Given::deserialize(from)? {
        Given::Flag(given) => SystemProxy::list(if given { "1" } else { "0" }),
        Given::Words(words) => words.iter().map(|word| word.parse()).collect(),
    };
    list.map(Some).map_err(serde::de::Error::custom)
}
