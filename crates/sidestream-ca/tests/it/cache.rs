//! The cache of leaves.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use sidestream_ca::{LEAF_LIFETIME, LeafCache, LeafRequest};

use crate::{authority, name, now};

#[test]
fn the_leaf_asked_for_least_lately_goes_first() {
    let authority = authority();
    let mut cache = LeafCache::new(NonZeroUsize::new(2).unwrap());
    let mut get = |host: &str| {
        let leaf = cache.get_or_issue(&authority, &LeafRequest::new(name(host), now())).unwrap();
        (leaf, cache.len())
    };
    let (a, _) = get("a.test");
    let (b, _) = get("b.test");
    assert!(Arc::ptr_eq(&a, &get("a.test").0));
    assert_eq!(get("c.test").1, 2);
    assert!(Arc::ptr_eq(&a, &get("a.test").0), "used lately, so kept");
    assert!(!Arc::ptr_eq(&b, &get("b.test").0), "made anew");
}

#[test]
fn a_leaf_about_to_end_is_issued_anew() {
    let authority = authority();
    let mut cache = LeafCache::new(NonZeroUsize::MIN);
    let request = LeafRequest::new(name("a.test"), now());
    let first = cache.get_or_issue(&authority, &request).unwrap();
    let later =
        LeafRequest { now: now() + LEAF_LIFETIME - Duration::from_secs(86_400 * 3), ..request };
    let second = cache.get_or_issue(&authority, &later).unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_eq!(cache.len(), 1);
    assert!(!cache.is_empty());
}

#[test]
fn what_differs_in_the_subject_is_another_leaf() {
    let authority = authority();
    let mut cache = LeafCache::new(NonZeroUsize::new(8).unwrap());
    let request = LeafRequest::new(name("a.test"), now());
    let first = cache.get_or_issue(&authority, &request).unwrap();
    let other = LeafRequest { organization: Some("Example Org".to_owned()), ..request };
    assert!(!Arc::ptr_eq(&first, &cache.get_or_issue(&authority, &other).unwrap()));
}
