//! However a body is cut into pieces, the same comes out.

use proptest::prelude::*;
use sidestream_coding::Limits;

use crate::encoders::{CODINGS, encode, run, text};

/// Cuts at these places, if they are inside.
fn pieces<'a>(body: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    at.sort_unstable();
    at.insert(0, 0);
    at.push(body.len());
    at.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect()
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..3000),
        proptest::collection::vec(0..4_u8, 0..3000),
        (0..200_000_usize).prop_map(text),
    ]
}

#[test]
fn what_fails_after_more_than_fits_gives_the_same() {
    let body = &include_bytes!("../../../../fixtures/coding/fails-within-a-copy.br")[..];
    let whole = run("br", [body], Limits::up_to(1 << 18));
    assert!(whole.1.is_err(), "{:?}", whole.1);
    for size in 1..body.len() {
        assert!(run("br", body.chunks(size), Limits::up_to(1 << 18)) == whole, "{size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_split_gives_the_same(
        content in content(),
        layers in proptest::collection::vec(0..CODINGS.len(), 1..3),
        cuts in proptest::collection::vec(any::<usize>(), 0..20),
        harm in proptest::option::of((any::<usize>(), any::<u8>())),
        most in prop_oneof![Just(1 << 20), 0..5000_u64],
    ) {
        let names: Vec<_> = layers.iter().map(|at| CODINGS[*at]).collect();
        let mut body = names.iter().fold(content.clone(), |body, name| encode(name, &body));
        if let Some((at, byte)) = harm && !body.is_empty() {
            let at = at % body.len();
            body[at] = byte;
        }
        let value = names.join(", ");
        let limits = Limits::up_to(most);
        let whole = run(&value, [&body[..]], limits);
        prop_assert_eq!(&run(&value, pieces(&body, &cuts), limits), &whole);
        prop_assert_eq!(&run(&value, body.chunks(1), limits), &whole);
        if harm.is_none() && most == 1 << 20 {
            prop_assert_eq!(whole, (content, Ok(())));
        }
    }

    #[test]
    fn any_bytes_end_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..400)) {
        for coding in CODINGS {
            for start in [&[][..], &[0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x40], &[0x1f, 0x8b, 8, 0]] {
                let body = [start, &body].concat();
                let whole = run(coding, [&body[..]], Limits::up_to(100_000));
                prop_assert_eq!(run(coding, body.chunks(1), Limits::up_to(100_000)), whole);
            }
        }
    }
}
