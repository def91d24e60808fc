//! Leaves that were issued lately, by what they say.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    sync::Arc,
};

use crate::{Authority, Leaf, LeafKey, LeafRequest, Name, error::IssueError, time::DAY};

type Key = (Vec<Name>, Option<String>, Option<String>, Option<Arc<str>>);

/// A bounded store of leaves; the one that was asked for least lately goes first.
#[derive(Debug)]
pub struct LeafCache {
    capacity: NonZeroUsize,
    leaves: HashMap<Arc<Key>, (u64, Arc<Leaf>)>,
    by_use: BTreeMap<u64, Arc<Key>>,
    uses: u64,
}

impl LeafCache {
    /// Makes an empty cache of at most `capacity` leaves; one takes some 2 KiB, with many names up to 100 KiB.
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity, leaves: HashMap::new(), by_use: BTreeMap::new(), uses: 0 }
    }

    /// How many leaves it holds.
    pub fn len(&self) -> usize {
        self.leaves.len()
    }

    /// Tells whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.leaves.is_empty()
    }

    /// Gives the leaf that says what is requested, issuing it when there is none that lives for another day.
    ///
    /// The requested serial number takes no part in the comparison.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn get_or_issue(
        &mut self,
        authority: &Authority,
        request: &LeafRequest,
    ) -> Result<Arc<Leaf>, IssueError> {
        self.get_or(request, || authority.issue(request))
    }

    /// As [`get_or_issue`](Self::get_or_issue), with another key: a cache is for one key alone.
    ///
    /// # Errors
    /// As [`Authority::issue`].
    pub fn get_or_issue_for(
        &mut self,
        authority: &Authority,
        request: &LeafRequest,
        key: &LeafKey,
    ) -> Result<Arc<Leaf>, IssueError> {
        self.get_or(request, || authority.issue_for(request, key))
    }

    fn get_or(
        &mut self,
        request: &LeafRequest,
        issue: impl FnOnce() -> Result<Leaf, IssueError>,
    ) -> Result<Arc<Leaf>, IssueError> {
        let key = Arc::new((
            request.names.clone(),
            request.common_name.clone(),
            request.organization.clone(),
            request.crl_url.clone(),
        ));
        if let Some(leaf) = self.touch(&key)
            && leaf.not_after.duration_since(request.now).is_ok_and(|left| left > DAY)
        {
            return Ok(leaf);
        }
        let leaf = Arc::new(issue()?);
        self.insert(key, Arc::clone(&leaf));
        Ok(leaf)
    }

    fn touch(&mut self, key: &Key) -> Option<Arc<Leaf>> {
        let (used, leaf) = self.leaves.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.by_use.remove(used) {
            self.by_use.insert(self.uses, key);
        }
        *used = self.uses;
        Some(Arc::clone(leaf))
    }

    fn insert(&mut self, key: Arc<Key>, leaf: Arc<Leaf>) {
        self.uses += 1;
        if let Some((used, _)) = self.leaves.insert(Arc::clone(&key), (self.uses, leaf)) {
            self.by_use.remove(&used);
        }
        self.by_use.insert(self.uses, key);
        while self.leaves.len() > self.capacity.get() {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.leaves.remove(&oldest);
        }
    }
}
