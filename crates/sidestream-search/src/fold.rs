//! Text without regard to case, as far as trigrams are concerned.

/// The long s and the Kelvin sign are the only characters beyond ASCII that are an ASCII letter
/// without regard to case (Unicode's simple case folding).
const LONG_S: [u8; 2] = [0xc5, 0xbf];
const KELVIN: [u8; 3] = [0xe2, 0x84, 0xaa];

/// Hands the trigrams of a text over, in which upper case letters of ASCII, and what is the same
/// without regard to case, are lower case ones.
pub(crate) fn trigrams(text: &[u8], mut see: impl FnMut(u32)) {
    let mut trigram = 0;
    let mut seen = 0_usize;
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        let byte = match first {
            b'A'..=b'Z' => first | 0x20,
            0xc5 if text_begins(after, &LONG_S[1..]) => {
                rest = &after[1..];
                b's'
            }
            0xe2 if text_begins(after, &KELVIN[1..]) => {
                rest = &after[2..];
                b'k'
            }
            other => *other,
        };
        trigram = (trigram << 8 | u32::from(byte)) & 0x00ff_ffff;
        seen += 1;
        if seen >= 3 {
            see(trigram);
        }
    }
}

fn text_begins(text: &[u8], with: &[u8]) -> bool {
    text.starts_with(with)
}

/// Returns a text as [`trigrams`] sees it.
pub(crate) fn folded(text: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        rest = after;
        if text_begins(after, &LONG_S[1..]) && *first == LONG_S[0] {
            rest = &after[1..];
            folded.push(b's');
        } else if text_begins(after, &KELVIN[1..]) && *first == KELVIN[0] {
            rest = &after[2..];
            folded.push(b'k');
        } else {
            folded.push(first.to_ascii_lowercase());
        }
    }
    folded
}

/// Cuts off what may be half of a character that is folded, its other half being in the text
/// around it.
pub(crate) fn inner(text: &[u8]) -> &[u8] {
    let mut inner = text;
    while let [0xbf | 0xaa | 0x84, rest @ ..] = inner {
        inner = rest;
    }
    while let [rest @ .., 0xc5 | 0xe2] | [rest @ .., 0xe2, 0x84] = inner {
        inner = rest;
    }
    inner
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        trigrams(text.as_bytes(), |trigram| {
            all.push(String::from_utf8_lossy(&trigram.to_be_bytes()[1..]).into_owned());
        });
        all
    }

    #[test]
    fn case_is_not_regarded_where_it_is_ascii_s() {
        assert_eq!(all("aBCd"), ["abc", "bcd"]);
        assert_eq!(all("a\u{17f}\u{212a}Z"), ["ask", "skz"]);
        assert_eq!(all("ab"), Vec::<String>::new());
    }

    #[test]
    fn folding_is_what_the_trigrams_are_of() {
        let text = "Stra\u{17f}\u{17f}e \u{212a}\u{e4} \u{2126}".as_bytes();
        let (mut plain, mut folded_first) = (Vec::new(), Vec::new());
        trigrams(text, |trigram| plain.push(trigram));
        trigrams(&folded(text), |trigram| folded_first.push(trigram));
        assert_eq!(plain, folded_first);
    }

    #[test]
    fn halves_of_folded_characters_are_cut_off() {
        assert_eq!(inner(b"\xbfabc\xc5"), b"abc");
        assert_eq!(inner(b"\x84\xaaabc\xe2\x84"), b"abc");
        assert_eq!(inner("ä".as_bytes()), "ä".as_bytes());
    }
}
