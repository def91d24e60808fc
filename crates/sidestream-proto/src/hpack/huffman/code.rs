//! The Huffman code (RFC 7541 appendix B), and what is derived from it at compile time.
//!
//! The code is canonical: codes of one length are consecutive numbers in the order of their
//! symbols, and the first of a length follows the last of the length before. So the lengths say
//! all.

/// The symbol that ends a string, and never stands in one.
pub(super) const EOS: usize = 256;

/// The longest code.
pub(super) const MAX_BITS: usize = 30;

/// How many bits are looked up at once: those of all symbols that are usual in text.
pub(super) const LOOKUP_BITS: usize = 10;

/// A code in the lower `bits` of a number.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) code: u32,
    pub(super) bits: u8,
}

/// A symbol whose code has so many bits, or none where the code is longer than was looked up.
#[derive(Clone, Copy)]
pub(super) struct Symbol {
    pub(super) byte: u8,
    pub(super) bits: u8,
}

/// The code of each symbol.
pub(super) static CODES: [Code; 257] = CODES_CONST;

/// The symbol whose code begins the number, or is all of it.
pub(super) static LOOKUP: [Symbol; 1 << LOOKUP_BITS] = lookup();

/// The symbols by their codes: by length, then by value.
pub(super) static ORDERED: [u16; 257] = ORDER.symbols;

/// Of each length, the first number of [`MAX_BITS`] that is beyond its codes.
pub(super) static ENDS: [u32; MAX_BITS + 1] = ORDER.ends;

/// Of each length, what a code and its symbol's place in [`ORDERED`] differ by.
pub(super) static OFFSETS: [u32; MAX_BITS + 1] = ORDER.offsets;

const CODES_CONST: [Code; 257] = codes();
const ORDER: Order = order();

struct Order {
    symbols: [u16; 257],
    ends: [u32; MAX_BITS + 1],
    offsets: [u32; MAX_BITS + 1],
}

const fn codes() -> [Code; 257] {
    let mut codes = [Code { code: 0, bits: 0 }; 257];
    let (mut code, mut bits) = (0, 1);
    while bits <= MAX_BITS {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == bits {
                codes[symbol] = Code { code, bits: LENGTHS[symbol] };
                code += 1;
            }
            symbol += 1;
        }
        // A whole code leaves no number over.
        assert!(bits < MAX_BITS || code == 1 << MAX_BITS);
        code <<= 1;
        bits += 1;
    }
    codes
}

const fn order() -> Order {
    let mut it = Order { symbols: [0; 257], ends: [0; MAX_BITS + 1], offsets: [0; MAX_BITS + 1] };
    let (mut place, mut end, mut bits) = (0, 0, 1);
    while bits <= MAX_BITS {
        it.offsets[bits] = (end >> (MAX_BITS - bits)) - place as u32;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == bits {
                it.symbols[place] = symbol as u16;
                place += 1;
                end += 1 << (MAX_BITS - bits);
            }
            symbol += 1;
        }
        it.ends[bits] = end;
        bits += 1;
    }
    it
}

const fn lookup() -> [Symbol; 1 << LOOKUP_BITS] {
    let mut table = [Symbol { byte: 0, bits: 0 }; 1 << LOOKUP_BITS];
    let mut symbol = 0;
    while symbol < EOS {
        let Code { code, bits } = CODES_CONST[symbol];
        if bits as usize <= LOOKUP_BITS {
            let spare = LOOKUP_BITS - bits as usize;
            let first = (code as usize) << spare;
            let mut number = first;
            while number < first + (1 << spare) {
                table[number] = Symbol { byte: symbol as u8, bits };
                number += 1;
            }
        }
        symbol += 1;
    }
    table
}

/// The length of each symbol's code.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
     6, 10, 10, 12, 13,  6,  8, 11, 10, 10,  8, 11,  8,  6,  6,  6,
     5,  5,  5,  6,  6,  6,  6,  6,  6,  6,  7,  8, 15,  6, 12, 10,
    13,  6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
     7,  7,  7,  7,  7,  7,  7,  7,  8,  7,  8, 13, 19, 13, 14,  6,
    15,  5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,
     6,  7,  6,  5,  5,  6,  7,  7,  7,  7,  7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];
