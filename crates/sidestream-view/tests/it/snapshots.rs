//! What each view writes.

use crate::run;
use crate::samples::all;

#[test]
fn samples_read_as_they_should() {
    for sample in all() {
        let text = run(sample.view, sample.kind, [&sample.content[..]]);
        insta::assert_snapshot!(sample.name, text);
    }
}
