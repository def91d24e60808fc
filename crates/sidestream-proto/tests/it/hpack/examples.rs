//! The examples of RFC 7541 appendix C.

use sidestream_proto::hpack::{Decoder, Encoder, Indexing, Limits, Table};
use sidestream_record::Fields;

use super::{encode, fields, hex};

/// Decodes the blocks of one connection, each with its fields and the size of the table after it.
#[track_caller]
fn check(table_bytes: usize, blocks: &[(&str, Fields, usize)]) {
    let mut decoder = Decoder::new(Limits::default());
    // The size as a block of its own, where it is not the one to begin with.
    let mut opening = Encoder::new(4096);
    opening.resize(table_bytes);
    decoder.decode(&encode(&mut opening, &Fields::default(), &[])).unwrap();
    for (block, fields, size_bytes) in blocks {
        let decoded = decoder.decode(&hex(block)).unwrap();
        assert_eq!(decoded.fields, *fields);
        assert_eq!(decoder.table().size_bytes(), *size_bytes);
    }
}

/// Asserts that these fields become these blocks.
#[track_caller]
fn check_encoded(table_bytes: usize, blocks: &[(&str, Fields)]) {
    let mut encoder = Encoder::with_table(Table::new(table_bytes));
    for (block, fields) in blocks {
        assert_eq!(encode(&mut encoder, fields, &[]), hex(block));
    }
}

fn requests() -> [Fields; 3] {
    let common = [(":method", "GET"), (":scheme", "http"), (":path", "/")];
    let host = (":authority", "www.example.com");
    let [method, scheme, path] = common;
    [
        fields(&[method, scheme, path, host]),
        fields(&[method, scheme, path, host, ("cache-control", "no-cache")]),
        fields(&[
            method,
            (":scheme", "https"),
            (":path", "/index.html"),
            host,
            ("custom-key", "custom-value"),
        ]),
    ]
}

fn responses() -> [Fields; 3] {
    let private = ("cache-control", "private");
    let date = ("date", "Mon, 21 Oct 2013 20:13:21 GMT");
    let location = ("location", "https://www.example.com");
    let cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
    [
        fields(&[(":status", "302"), private, date, location]),
        fields(&[(":status", "307"), private, date, location]),
        fields(&[
            (":status", "200"),
            private,
            ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
            location,
            ("content-encoding", "gzip"),
            ("set-cookie", cookie),
        ]),
    ]
}

/// RFC 7541 §C.1, in the five bits of a size.
#[test]
fn integers() {
    for (block, size) in [("2a", 10), ("3f9a0a", 1337), ("3e", 30), ("3f00", 31), ("3f0b", 42)] {
        let decoded = Decoder::new(Limits::default()).decode(&hex(block)).unwrap();
        assert_eq!(decoded.table_size, Some(size));
        let mut encoder = Encoder::new(4096);
        encoder.resize(size);
        assert_eq!(encode(&mut encoder, &Fields::default(), &[]), hex(block));
    }
}

/// RFC 7541 §C.2.
#[test]
fn single_fields() {
    for (block, field, indexing, size_bytes) in [
        (
            "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            ("custom-key", "custom-header"),
            Indexing::Incremental,
            55,
        ),
        ("040c 2f73 616d 706c 652f 7061 7468", (":path", "/sample/path"), Indexing::Without, 0),
        ("1008 7061 7373 776f 7264 0673 6563 7265 74", ("password", "secret"), Indexing::Never, 0),
        ("82", (":method", "GET"), Indexing::Incremental, 0),
    ] {
        let mut decoder = Decoder::new(Limits::default());
        let decoded = decoder.decode(&hex(block)).unwrap();
        assert_eq!(decoded.fields, fields(&[field]));
        assert_eq!(decoded.indexing, [indexing]);
        assert_eq!(decoder.table().size_bytes(), size_bytes);
    }
}

/// RFC 7541 §C.3.
#[test]
fn requests_as_they_are() {
    let [first, second, third] = requests();
    check(
        4096,
        &[
            ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", first, 57),
            ("8286 84be 5808 6e6f 2d63 6163 6865", second, 110),
            (
                "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
                third,
                164,
            ),
        ],
    );
}

/// RFC 7541 §C.4.
#[test]
fn requests_by_huffman() {
    let blocks = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    let [first, second, third] = requests();
    check(
        4096,
        &[
            (blocks[0], first.clone(), 57),
            (blocks[1], second.clone(), 110),
            (blocks[2], third.clone(), 164),
        ],
    );
    check_encoded(4096, &[(blocks[0], first), (blocks[1], second), (blocks[2], third)]);
}

/// RFC 7541 §C.5, with evictions.
#[test]
fn responses_as_they_are() {
    let [first, second, third] = responses();
    check(
        256,
        &[
            (
                "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
                 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70
                 6c65 2e63 6f6d",
                first,
                222,
            ),
            ("4803 3330 37c1 c0bf", second, 222),
            (
                "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
                 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
                 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
                 3d31",
                third,
                215,
            ),
        ],
    );
}

/// RFC 7541 §C.6, with evictions.
#[test]
fn responses_by_huffman() {
    let first = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
                 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3";
    let second = "4883 640e ffc1 c0bf";
    // A text that does not become shorter, 307, is written as it is.
    let second_of_ours = "4803 3330 37c1 c0bf";
    let third = "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
                 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
                 9587 3160 65c0 03ed 4ee5 b106 3d50 07";
    let [of_first, of_second, of_third] = responses();
    check(
        256,
        &[
            (first, of_first.clone(), 222),
            (second, of_second.clone(), 222),
            (third, of_third.clone(), 215),
        ],
    );
    check_encoded(256, &[(first, of_first), (second_of_ours, of_second), (third, of_third)]);
}
