//! The key stores of JDKs.

use std::path::{Path, PathBuf};

use sidestream_journal::{Part, Transaction};

use super::parts::JAVA;
use super::{Place, Scope, Store, Stores, TrustError};
use crate::compose::{self, Format};
use crate::jks::USUAL_PASSWORD;
use crate::{NoteKind, java};

/// How large a key store is, at most.
const MAX_BYTES: u64 = 8 * 1024 * 1024;

pub(super) fn places(stores: &Stores<'_>) -> Vec<Place> {
    let home = (stores.env)("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let is_users = |path: &Path| home.as_ref().is_some_and(|home| path.starts_with(home));
    let found = java::stores(stores.tree(), stores.env, Path::new("/"));
    let place = |(path, password): (PathBuf, Option<String>)| Place {
        store: Store::Java,
        scope: if is_users(&path) { Scope::User } else { Scope::Machine },
        name: "Java",
        path,
        password,
    };
    found.into_iter().map(place).collect()
}

pub(super) fn holds(stores: &Stores<'_>, place: &Place) -> Result<bool, TrustError> {
    let contents = read(stores, place)?;
    let held = compose::java_holds(&contents, password(place), stores.root.der());
    held.map_err(|kind| foreign(place, kind))
}

pub(super) fn put(
    stores: &Stores<'_>,
    place: &Place,
    change: &mut Transaction,
) -> Result<(), TrustError> {
    let contents = read(stores, place)?;
    let format = Format::Java(place.password.clone());
    let composed = compose::compose(&contents, &format, stores.root);
    let (with, note) = composed.map_err(|kind| foreign(place, kind))?;
    if let Some(kind) = note {
        return Err(foreign(place, kind));
    }
    let part = Part { kind: JAVA.into(), bytes: stores.root.der().to_vec() };
    Ok(change.write(&stores.tree().outside(&place.path), &with, Some(part))?)
}

pub(super) fn take_out(
    stores: &Stores<'_>,
    place: &Place,
    change: &mut Transaction,
) -> Result<(), TrustError> {
    let contents = read(stores, place)?;
    let without = compose::java_without(&contents, password(place), stores.root.der());
    let without = without.map_err(|kind| foreign(place, kind))?;
    let without = without.ok_or_else(|| foreign(place, NoteKind::ForeignPassword))?;
    Ok(change.write(&stores.tree().outside(&place.path), &without, None)?)
}

fn read(stores: &Stores<'_>, place: &Place) -> Result<Vec<u8>, TrustError> {
    let read = stores.tree().read(&place.path, MAX_BYTES);
    Ok(read.map_err(|kind| foreign(place, kind))?.contents)
}

fn password(place: &Place) -> &str {
    place.password.as_deref().unwrap_or(USUAL_PASSWORD)
}

fn foreign(place: &Place, kind: NoteKind) -> TrustError {
    let reason = match kind {
        NoteKind::ForeignPassword => "it has a password of its own, add the root by keytool".into(),
        NoteKind::Malformed { reason } | NoteKind::Unreadable { reason } => reason,
        _ => "it is too large".into(),
    };
    TrustError::Foreign { path: place.path.clone(), reason }
}
