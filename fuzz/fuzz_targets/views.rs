//! Feeds any bytes to every view, whole and in pieces: the same must be written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sidestream_view::{NAMES, choose, view};

fuzz_target!(|bytes: &[u8]| {
    let [which, cut, content @ ..] = bytes else { return };
    let kind = (cut % 2 == 1).then_some("multipart/form-data; boundary=b");
    for name in [NAMES[usize::from(*which) % NAMES.len()], choose(kind, content)] {
        let whole = run(name, kind, content.chunks(content.len().max(1)));
        assert_eq!(run(name, kind, content.chunks(usize::from(*cut) + 1)), whole);
        let printable = |char: char| !char.is_control() || matches!(char, '\n' | '\t');
        assert!(whole.chars().all(printable));
    }
});

fn run<'a>(name: &str, kind: Option<&str>, pieces: impl Iterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    let mut view = view(name, kind).expect("it is one of the names");
    pieces.for_each(|piece| view.push(piece, &mut text));
    view.finish(&mut text);
    text
}
