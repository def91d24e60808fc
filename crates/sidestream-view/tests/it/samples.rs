//! Content of each kind.

/// A sample: what it is called, the view, its content type, the content.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) view: &'static str,
    pub(crate) kind: Option<&'static str>,
    pub(crate) content: Vec<u8>,
}

fn sample(name: &'static str, view: &'static str, content: impl AsRef<[u8]>) -> Sample {
    Sample { name, view, kind: None, content: content.as_ref().to_vec() }
}

pub(crate) fn all() -> Vec<Sample> {
    let mut samples = texts();
    samples.extend(markup());
    samples.extend(streams());
    samples.extend(parts());
    samples.extend(binary());
    samples.extend(images());
    samples
}

fn texts() -> Vec<Sample> {
    vec![
        sample("json", "json", br#" {"n":[1.0e+10,-0.00,12345678901234567890,{},[]],"k":"\u00e9\"\\ {","k":null,"deep":{"a":[[true]]}} "#),
        sample("json_broken", "json", b"{\"a\": 1, 'b': 2}\nmore \xff text"),
        sample("json_cut", "json", b"{\"a\": [1, tru"),
        sample("json_wrong_words", "json", b"[01, 2]"),
        sample("ndjson", "ndjson", b"{\"a\":1}\nnot json\n[2]\n{\"cut\":\n\"last\""),
        sample("css", "css", b"@media (max-width:1px){a:hover,b{color:red;background:url(\"a;b{}\")}}/* a{b} */c{d:e}"),
        sample("css_broken", "css", b"a{b:c}}d{e:'f\n;g:h"),
        sample("javascript", "javascript", b"function a(b){for(let i=0;i<9;i++){c(`x${d({e:1})};{`);}if(b)return/[/;{]/.test(b);else{e=f/2/g;}}//end {\nlet s='a;{\\'';/*{*/x={y:z};"),
        sample("javascript_unsure", "javascript", b"if (a) /x{2};/.test(b); c(); d()\ne();f()"),
        sample("javascript_broken", "javascript", b"a('b\nc();}}`d"),
        sample("graphql", "graphql", br#"{"query":"query Q($a: Int) {\n  b(c: $a) { d }\n}","variables":{"a":1.50},"operationName":"Q"}"#),
        sample("graphql_other", "graphql", b"{\"query\": 1}"),
        sample("form", "form", b"a=1&b=two+words&c=%C3%A9%0D%0Aline&d&=e&f=100%&g=%zz&h==&i=%ff"),
        sample("text", "text", b"one\r\ntwo \x1b[31m \xff\xfe \xe2\x80\xae tab\tend\rsame \xc3"),
        sample("hex", "hex", b"\0\x01printable and not \xff"),
    ]
}

fn markup() -> Vec<Sample> {
    vec![
        sample("html", "html", b"<!DOCTYPE html><html><head><title> A  &amp; b </title><meta charset=utf-8><script>if (a < b) {\n  c(\"</div>\")\n}</script></head><body class=\"x y\"   id=a><p>Text <b>bold</b> more<br>lines\n  and\n  more<!-- a <comment> --><pre>  kept\n   so </pre><img src='a>b'/></body></html>"),
        sample("html_broken", "html", b"<div><p>one<p>two</div></span>a < b<a href=\"x"),
        sample("xml", "xml", b"<?xml version=\"1.0\"?><a:b xmlns:a=\"u\"><c/><d e='f'>text</d><![CDATA[<x>]]>\n<g>\n  <h></h></g></a:b>"),
        sample("xml_cut", "xml", b"<a><b>text"),
        sample("xml_long_names", "xml", format!("<{0}><i/></{0}>", "n".repeat(40))),
    ]
}

fn streams() -> Vec<Sample> {
    vec![
        sample("sse", "event-stream", b": hello\nevent: a\nid:1\ndata: one\ndata:two\n\nretry: 10\r\n\r\nnofield\n\ndata: cut"),
        sample("sse_openai_chat", "event-stream", concat!(
            "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hel\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"lo\\nyou \\ud83d\\ude00\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"call_1\",\"function\":{\"name\":\"weather\",\"arguments\":\"\"}}]}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"city\\\": \"}}]}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\"Bern\\\"}\"}}]}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n",
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":7,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n",
            "data: [DONE]\n\n",
        )),
        sample("sse_openai_responses", "event-stream", concat!(
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"model\":\"m-2\",\"status\":\"in_progress\"}}\n\n",
            "data: {\"type\":\"response.reasoning_summary_text.delta\",\"output_index\":0,\"delta\":\"Thinking\"}\n\n",
            "data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"content_index\":0,\"delta\":\"An\"}\n\n",
            "data: {\"type\":\"response.output_text.delta\",\"output_index\":1,\"content_index\":0,\"delta\":\"swer\"}\n\n",
            "data: {\"type\":\"response.output_item.added\",\"output_index\":2,\"item\":{\"type\":\"function_call\",\"name\":\"f\",\"call_id\":\"c1\"}}\n\n",
            "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":2,\"delta\":\"{\\\"a\\\":\"}\n\n",
            "data: {\"type\":\"response.function_call_arguments.delta\",\"output_index\":2,\"delta\":\"1}\"}\n\n",
            "data: {\"type\":\"response.completed\",\"response\":{\"model\":\"m-2\",\"status\":\"completed\",\"usage\":{\"input_tokens\":5,\"output_tokens\":9,\"output_tokens_details\":{\"reasoning_tokens\":3}}}}\n\n",
        )),
        sample("sse_anthropic", "event-stream", concat!(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m-3\",\"usage\":{\"input_tokens\":25,\"cache_read_input_tokens\":8,\"output_tokens\":1}}}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
            "event: ping\ndata: {\"type\":\"ping\"}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Let me \"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"look.\"}}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"look\",\"input\":{}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"at\\\":\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\" [1]\"}}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":30}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        )),
    ]
}

fn parts() -> Vec<Sample> {
    let form = "preamble\r\n--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nvalue\r\n--XX not the end\r\n--X\r\r\n--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.json\"\r\nContent-Type: application/json\r\n\r\n{\"x\":[1]}\r\n--XX\r\n\r\n--XX\r\nContent-Type: multipart/mixed; boundary=YY\r\n\r\n--YY\r\n\r\ninner\r\n--YY--\r\n--XX--\r\nepilogue";
    vec![
        Sample {
            kind: Some("multipart/form-data; boundary=\"XX\""),
            ..sample("multipart", "multipart", form)
        },
        sample("multipart_without_type", "multipart", &form[10..]),
        sample("multipart_cut", "multipart", "--XX\r\nA: b\r\nno colon\r\n\r\nvalue\r\n--X"),
        sample("multipart_none", "multipart", "no part at all"),
    ]
}

fn binary() -> Vec<Sample> {
    let inner = [0x0a, 3, b'a', b'b', b'c', 0x10, 0x96, 0x01];
    let mut message = vec![0x08, 0x96, 0x01, 0x12, 4];
    message.extend_from_slice(b"text");
    message.extend_from_slice(&[0x1a, 8]);
    message.extend_from_slice(&inner);
    message.extend_from_slice(&[0x25, 0, 0, 0x80, 0x3f, 0x29, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f]);
    message.extend_from_slice(&[0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    message.extend_from_slice(&[0x3a, 2, 0xff, 0xfe, 0x43, 0x08, 1, 0x44]);
    let framed =
        |flag: u8, bytes: &[u8]| [&[flag][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat();
    let grpc =
        [framed(0, &message), framed(0, b""), framed(1, b"?"), framed(0x80, b"grpc-status: 0\r\n")];
    let msgpack = b"\x85\xa1a\x93\x01\xff\xd1\xfe\x00\xa1b\xc0\xa1c\xc4\x02\x00\x01\xa1d\xcb\x3f\xf8\0\0\0\0\0\0\xa1e\xd6\xff\0\0\0\x01\x80";
    let dns = b"\x12\x34\x81\x80\0\x01\0\x02\0\0\0\x01\x03www\x04test\0\0\x01\0\x01\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x06\x03web\xc0\x10\xc0\x26\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01\0\0\x29\x04\xd0\0\0\0\0\0\0";
    vec![
        sample("protobuf", "protobuf", &message),
        sample("protobuf_cut", "protobuf", &message[..20]),
        sample("grpc", "grpc", grpc.concat()),
        sample("grpc_cut", "grpc", &grpc.concat()[..30]),
        sample("grpc_cut_in_head", "grpc", b"\0\0\0"),
        sample("msgpack", "msgpack", msgpack),
        sample("msgpack_cut", "msgpack", &msgpack[..20]),
        sample("msgpack_broken", "msgpack", b"\x92\x01\xc1\x05"),
        sample("dns", "dns", dns),
        sample("dns_cut", "dns", &dns[..50]),
        sample("dns_loop", "dns", b"\0\x01\0\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01"),
    ]
}

fn images() -> Vec<Sample> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat()
    };
    let png = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", b"\0\0\0\x20\0\0\0\x10\x08\x06\0\0\x01"),
        chunk(b"tEXt", b"Comment\0made \x1b by hand"),
        chunk(b"pHYs", b"\0\0\x0b\x13\0\0\x0b\x13\x01"),
        chunk(b"IEND", b""),
    ]
    .concat();
    let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x03\x01\x10\0\x02\0\0\0\x05\0\0\0\x32\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\x88\x25\0\x04\0\0\0\x01\0\0\0\x38\0\0\0\0Model\0\0\0".to_vec();
    exif.extend_from_slice(&[0; 8]);
    let mut jpeg = b"\xff\xd8\xff\xe1".to_vec();
    jpeg.extend_from_slice(&(exif.len() as u16 + 2).to_be_bytes());
    jpeg.extend_from_slice(&exif);
    jpeg.extend_from_slice(
        b"\xff\xfe\0\x07hello\xff\xc2\0\x0b\x08\0\x10\0\x20\x03\0\0\0\xff\xda\0\x02data",
    );
    let gif = b"GIF89a\x20\0\x10\0\x80\0\0\0\0\0\xff\xff\xff\x21\xfe\x05hello\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";
    let webp = b"RIFF\x1a\0\0\0WEBPVP8L\x05\0\0\0\x2f\x1f\xc0\x03\0\0";
    let ico = b"\0\0\x01\0\x02\0\x10\x10\0\0\x01\0\x20\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0";
    vec![
        sample("image_png", "image", &png),
        sample("image_png_cut", "image", &png[..30]),
        sample("image_jpeg", "image", jpeg),
        sample("image_gif", "image", gif),
        sample("image_webp", "image", webp),
        sample("image_ico", "image", ico),
        sample(
            "image_svg",
            "image",
            b"<svg width=\"10\" height='20' viewBox=\"0 0 1 2\"><path d=\"M0 0\"/></svg>",
        ),
        sample("image_none", "image", b"nothing of the kind"),
    ]
}
