//! Protocol buffers by their definition.

use insta::assert_snapshot;
use proptest::prelude::*;
use sidestream_view::{MessageType, Schema, Side, typed_view};

pub(crate) fn schema() -> Schema {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proto");
    let mut compiler = protox::Compiler::new([folder]).unwrap();
    compiler.include_imports(true).open_file("shop/v1/shop.proto").unwrap();
    Schema::new(&compiler.encode_file_descriptor_set()).unwrap()
}

fn order() -> MessageType {
    schema().message("shop.v1.OrderRequest").unwrap()
}

fn shown<'a>(name: &str, of: &MessageType, pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut view = typed_view(name, of).unwrap();
    let mut text = String::new();
    pieces.into_iter().for_each(|piece| view.push(piece, &mut text));
    view.finish(&mut text);
    text
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn number(field: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3, &mut out);
    varint(value, &mut out);
    out
}

fn bytes(field: u64, content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3 | 2, &mut out);
    varint(content.as_ref().len() as u64, &mut out);
    out.extend_from_slice(content.as_ref());
    out
}

fn fixed(field: u64, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3 | if content.len() == 8 { 1 } else { 5 }, &mut out);
    out.extend_from_slice(content);
    out
}

fn money(currency: &str, units: i64) -> Vec<u8> {
    [bytes(1, currency), number(2, units.cast_unsigned())].concat()
}

/// A message with a field of each kind.
fn all() -> Vec<u8> {
    let any = [bytes(1, "type.googleapis.com/shop.v1.Money"), bytes(2, money("EUR", 7))].concat();
    let group = [&money("CHF", 1)[..], &[3 << 3 | 3], &number(1, 4), &[3 << 3 | 4]].concat();
    let group = [group, bytes(100, "the bank")].concat();
    [
        bytes(1, "a \"cup\"\u{1b}"),
        number(2, (-5_i64).cast_unsigned()),
        number(3, 9),
        number(4, 1),
        bytes(5, [0, 1, 0xff]),
        bytes(6, [1, 2, 0x96, 1]),
        number(6, 4),
        bytes(7, [bytes(1, "cup"), bytes(2, money("EUR", -3))].concat()),
        bytes(8, [number(1, 12), bytes(2, "a note")].concat()),
        bytes(8, []),
        bytes(9, "a street"),
        bytes(10, group),
        fixed(11, &1.5_f64.to_le_bytes()),
        fixed(12, &0.1_f32.to_le_bytes()),
        fixed(13, &77_u64.to_le_bytes()),
        number(14, 3),
        number(14, 9),
        bytes(15, any),
        number(16, 0),
        bytes(17, bytes(1, "inner")),
        bytes(18, (0..40).map(|at| if at % 2 == 0 { 3 } else { 0 }).collect::<Vec<u8>>()),
    ]
    .concat()
}

#[test]
fn fields_have_their_names_and_values() {
    assert_snapshot!("typed", shown("protobuf", &order(), [&all()[..]]));
}

#[test]
fn what_is_not_as_the_definition_says_is_shown_and_told() {
    let odd = [
        number(1, 5),
        bytes(1, [0xff, 0xfe]),
        bytes(2, "text"),
        fixed(3, &[1, 0, 0, 0]),
        number(4, 2),
        bytes(6, [0x96]),
        number(7, 1),
        bytes(7, [bytes(1, "cup"), number(3, 1)].concat()),
        bytes(8, [number(1, 1), number(2, 1)].concat()),
        number(99, 7),
        bytes(98, money("GBP", 1)),
        bytes(17, [0x0a, 200]),
        vec![0x0b, 0x0c, 0x0c, 0xff],
    ];
    assert_snapshot!("typed_odd", shown("protobuf", &order(), [&odd.concat()[..]]));
}

#[test]
fn frames_of_grpc_have_messages_of_one_kind() {
    let framed =
        |flag: u8, bytes: &[u8]| [&[flag][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let reply = schema().call("/shop.v1.Shop/Order", Side::Response).unwrap();
    let frames = [
        framed(0, &number(1, 3)),
        framed(0, b""),
        framed(0, &[0x08]),
        framed(0x80, b"grpc-status: 0\r\n"),
        framed(0, &number(1, 3))[..6].to_vec(),
    ];
    assert_snapshot!(shown("grpc", &reply, [&frames.concat()[..]]), @r"
    message 1, 2 bytes, shop.v1.OrderReply
    state: STATE_SENT
    message 2, 0 bytes, shop.v1.OrderReply
    message 3, 1 bytes, shop.v1.OrderReply
    not protobuf from here on:
    0000  08                                               .
    trailers 4, 16 bytes
    grpc-status: 0
    message 5, 1 bytes, shop.v1.OrderReply
    not protobuf from here on:
    0000  08                                               .
    1 bytes of the message are missing
    ");
}

#[test]
fn messages_are_found_by_path_and_by_content_type() {
    let schema = schema();
    let call = |path, side| schema.call(path, side).map(|it| it.name().to_owned());
    let request = Some("shop.v1.OrderRequest".to_owned());
    assert_eq!(call("/shop.v1.Shop/Order", Side::Request), request);
    assert_eq!(call("http://a.test/twirp/shop.v1.Shop/Order?x=/", Side::Request), request);
    assert_eq!(call("/shop.v1.Shop/Order", Side::Response), Some("shop.v1.OrderReply".into()));
    for none in ["", "/", "Order", "/shop.v1.Shop/Nothing", "/Shop/Order", "/shop.v1.Money/Order"] {
        assert_eq!(call(none, Side::Request), None, "{none}");
    }
    let named = |kind| schema.named(kind).map(|it| it.name().to_owned());
    let money = Some("shop.v1.Money".to_owned());
    assert_eq!(named("application/x-protobuf; messageType=\"shop.v1.Money\""), money);
    assert_eq!(named("application/protobuf;charset=x; proto=shop.v1.Money"), money);
    assert_eq!(named("application/protobuf; proto=Money"), None);
    assert_eq!(named("application/protobuf"), None);
    assert!(typed_view("json", &order()).is_none());
}

#[test]
fn what_is_no_set_of_definitions_is_refused() {
    assert!(Schema::new(b"\x0a\xff").is_err());
    // An import is missing.
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/proto");
    let mut compiler = protox::Compiler::new([folder]).unwrap();
    compiler.open_file("shop/v1/shop.proto").unwrap();
    assert!(Schema::new(&compiler.encode_file_descriptor_set()).is_err());
    assert!(Schema::new(b"").unwrap().message("x").is_none());
}

#[test]
fn what_is_nested_without_end_is_shown_as_deep_as_that_goes() {
    let any = |held: &[u8]| [bytes(1, "t/google.protobuf.Any"), bytes(2, held)].concat();
    let deep = (0..2000).fold(Vec::new(), |held, _| any(&held));
    let of_any = schema().message("google.protobuf.Any").unwrap();
    assert!(shown("protobuf", &of_any, [&deep[..]]).contains("value: Any {"));
    let parts = (0..2000).fold(Vec::new(), |held, _| bytes(17, held));
    assert!(shown("protobuf", &order(), [&parts[..]]).contains("parts: OrderRequest {"));
    let groups = [0x1b].repeat(20_000);
    let of_money = schema().message("shop.v1.Money").unwrap();
    assert!(shown("protobuf", &of_money, [&groups[..]]).contains("split: Split {"));
}

#[test]
fn every_beginning_is_read() {
    for end in 0..all().len() {
        shown("protobuf", &order(), [&all()[..end]]);
    }
}

/// Fields of any number and any wire type, with anything in them.
fn fields() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        (1..20_u64, any::<u64>()).prop_map(|(field, value)| number(field, value)),
        (1..20_u64, any::<[u8; 8]>()).prop_map(|(field, value)| fixed(field, &value)),
        (1..20_u64, any::<[u8; 4]>()).prop_map(|(field, value)| fixed(field, &value)),
        (1..20_u64, prop::collection::vec(any::<u8>(), 0..9))
            .prop_map(|(field, content)| bytes(field, content)),
        (1..20_u8, prop::bool::ANY)
            .prop_map(|(field, end)| vec![(field << 3) | (3 + u8::from(end))]),
    ];
    let message = prop::collection::vec(leaf, 0..6).prop_map(|fields| fields.concat());
    message.prop_recursive(3, 12, 3, |inner| {
        let nested = (1..20_u64, inner).prop_map(|(field, content)| bytes(field, content));
        prop::collection::vec(nested, 0..3).prop_map(|fields| fields.concat())
    })
}

proptest! {
    #[test]
    fn anything_is_shown_the_same_however_it_is_cut(
        message in prop_oneof![fields(), prop::collection::vec(any::<u8>(), 0..60)],
        cut in 1..7_usize,
    ) {
        for name in ["protobuf", "grpc"] {
            let whole = shown(name, &order(), [&message[..]]);
            prop_assert_eq!(&shown(name, &order(), message.chunks(cut)), &whole);
            prop_assert!(whole.chars().all(|char| !char.is_control() || matches!(char, '\n' | '\t')));
        }
    }
}
