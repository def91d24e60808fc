//! Which processes of this machine are chosen, and where that is read again.

use std::path::{Path, PathBuf};

use sidestream::spec::Spec;

use crate::mode::{Kind, Mode};
use crate::settings::Settings;
use crate::spec_file::{self, SpecFileError};

/// How many characters of a spec are shown.
const SHOWN_CHARS: usize = 120;

/// Which processes are chosen.
#[derive(Debug)]
pub(super) struct Chosen {
    /// By what.
    pub(super) spec: Spec,
    /// The file that says so, if one does.
    pub(super) file: Option<PathBuf>,
}

impl Chosen {
    /// Returns what mode `local` chooses, if it is among the modes: by the spec behind its name,
    /// else by the file, else everything.
    pub(super) fn of(modes: &[Mode], settings: &Settings) -> Result<Option<Self>, SpecFileError> {
        let local = modes.iter().find_map(|mode| match &mode.kind {
            Kind::Local(spec) => Some(spec),
            _ => None,
        });
        Ok(match (local, &settings.spec_file) {
            (None, _) => None,
            (Some(Some(spec)), _) => Some(Self { spec: spec.clone(), file: None }),
            (Some(None), Some(file)) => Some(Self::read(file)?),
            (Some(None), None) => Some(Self { spec: Spec::everything(), file: None }),
        })
    }

    /// Reads what the file says now.
    pub(super) fn read(file: &Path) -> Result<Self, SpecFileError> {
        Ok(Self { spec: spec_file::read(file)?, file: Some(file.to_owned()) })
    }
}

/// Words what a spec intercepts.
pub(super) fn words(spec: &Spec) -> String {
    let text = spec.as_str();
    if *spec == Spec::everything() {
        return "every process".to_owned();
    }
    match text.char_indices().nth(SHOWN_CHARS) {
        None if text.is_empty() => "nothing".to_owned(),
        None => text.to_owned(),
        Some((end, _)) => format!("{}… ({} items)", &text[..end], spec.items().len()),
    }
}
