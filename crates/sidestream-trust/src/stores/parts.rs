//! Our root taken out of files that somebody else has changed since.

use sidestream_journal::{Part, Parts, Plain};

use crate::{compose, jks::USUAL_PASSWORD};

/// The kind of a key store of Java.
pub(super) const JAVA: &str = "java";

/// Takes roots out of key stores, and stretches of bytes out of all other files.
#[derive(Clone, Copy, Debug, Default)]
pub struct TakeOut;

impl Parts for TakeOut {
    fn without(&self, part: &Part, contents: &[u8]) -> Option<Vec<u8>> {
        if part.kind != JAVA {
            return Plain.without(part, contents);
        }
        let held = compose::java_holds(contents, USUAL_PASSWORD, &part.bytes).ok()?;
        let without = || compose::java_without(contents, USUAL_PASSWORD, &part.bytes).ok()?;
        held.then(without).flatten()
    }
}
