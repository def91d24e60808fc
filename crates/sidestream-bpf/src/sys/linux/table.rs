//! The maps, shared between threads and with plain I/O errors.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, HashMap, Map, MapData, MapError};
use aya::{Ebpf, Pod};

/// A map from keys to values.
pub(super) struct Table<K: Pod, V: Pod>(Mutex<HashMap<MapData, K, V>>);

/// An array whose length is fixed.
pub(super) struct Cells<V: Pod>(Mutex<Array<MapData, V>>);

/// A map from networks to values.
pub(super) struct Trie<K: Pod, V: Pod>(Mutex<LpmTrie<MapData, K, V>>);

impl<K: Pod, V: Pod> Table<K, V> {
    pub(super) fn take(ebpf: &mut Ebpf, name: &str) -> Result<Self, MapError> {
        Ok(Self(Mutex::new(take(ebpf, name)?.try_into()?)))
    }

    pub(super) fn get(&self, key: &K) -> io::Result<Option<V>> {
        found(lock(&self.0).get(key, 0))
    }

    pub(super) fn set(&self, key: &K, value: &V) -> io::Result<()> {
        lock(&self.0).insert(key, value, 0).map_err(into_io)
    }

    /// Removes an entry; says whether there was one.
    pub(super) fn remove(&self, key: &K) -> io::Result<bool> {
        found(lock(&self.0).remove(key)).map(|removed| removed.is_some())
    }
}

impl<V: Pod> Cells<V> {
    pub(super) fn take(ebpf: &mut Ebpf, name: &str) -> Result<Self, MapError> {
        Ok(Self(Mutex::new(take(ebpf, name)?.try_into()?)))
    }

    pub(super) fn get(&self, index: u32) -> io::Result<V> {
        lock(&self.0).get(&index, 0).map_err(into_io)
    }

    pub(super) fn set(&self, index: u32, value: &V) -> io::Result<()> {
        lock(&self.0).set(index, value, 0).map_err(into_io)
    }
}

impl<K: Pod, V: Pod> Trie<K, V> {
    pub(super) fn take(ebpf: &mut Ebpf, name: &str) -> Result<Self, MapError> {
        Ok(Self(Mutex::new(take(ebpf, name)?.try_into()?)))
    }

    pub(super) fn set(&self, key: &Key<K>, value: &V) -> io::Result<()> {
        lock(&self.0).insert(key, value, 0).map_err(into_io)
    }

    pub(super) fn remove(&self, key: &Key<K>) -> io::Result<bool> {
        found(lock(&self.0).remove(key)).map(|removed| removed.is_some())
    }
}

pub(super) fn take(ebpf: &mut Ebpf, name: &str) -> Result<Map, MapError> {
    ebpf.take_map(name).ok_or_else(|| MapError::InvalidName { name: name.to_owned() })
}

/// Each call is one system call, so that a panic leaves nothing half done.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn found<T>(result: Result<T, MapError>) -> io::Result<Option<T>> {
    match result.map_err(into_io) {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn into_io(error: MapError) -> io::Error {
    match error {
        MapError::IoError(error) => error,
        MapError::SyscallError(error) => error.io_error,
        MapError::ElementNotFound | MapError::KeyNotFound => io::ErrorKind::NotFound.into(),
        other => io::Error::other(other),
    }
}
