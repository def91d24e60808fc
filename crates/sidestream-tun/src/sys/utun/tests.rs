//! Names and headers of macOS, which need none to be tried.

use super::{agrees, header, unit};
use crate::NameError;

#[test]
fn a_name_is_utun_and_a_number_as_the_kernel_writes_it() {
    #[track_caller]
    fn check(name: &str, expected: Option<u32>) {
        assert_eq!(unit(Some(name)), expected.ok_or(NameError::NotUtun), "{name}");
    }
    assert_eq!(unit(None), Ok(0));
    check("utun0", Some(1));
    check("utun10", Some(11));
    check("utun4294967294", Some(u32::MAX));
    // The number of its unit would be 0, which stands for any.
    check("utun4294967295", None);
    check("utun99999999999", None);
    for name in ["", "utun", "utun01", "utun+1", "utun-1", "utun 1", "utun1a", "Utun1", "side0"] {
        check(name, None);
    }
}

#[test]
fn a_packet_stands_behind_its_address_family() {
    assert_eq!(header(&[0x45, 0]), Some([0, 0, 0, 2]));
    assert_eq!(header(&[0x60, 0]), Some([0, 0, 0, 30]));
    assert_eq!(header(&[0x50, 0]), None);
    assert_eq!(header(&[]), None);
    assert!(agrees([0, 0, 0, 2], &[0x45]));
    assert!(!agrees([0, 0, 0, 30], &[0x45]));
    assert!(!agrees([2, 0, 0, 0], &[0x45]));
    assert!(!agrees([0, 0, 0, 0], &[]));
}
