//! Rules: what is one, what it is for, and what it does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod filter;
mod properties;
mod rules;

use sidestream_record::{Field, Fields, RequestHead, ResponseHead, Version};

fn fields(fields: &[(&'static str, &'static str)]) -> Fields {
    fields.iter().map(|(name, value)| Field::new(*name, *value)).collect()
}

fn request() -> RequestHead {
    RequestHead {
        method: "POST".into(),
        target: "/page".into(),
        version: Version::Http11,
        fields: fields(&[("Host", "a.test"), ("Content-Type", "text/plain"), ("X-One", "1")]),
    }
}

fn response() -> ResponseHead {
    ResponseHead {
        version: Version::Http11,
        status: 404,
        reason: "Not Found".into(),
        fields: fields(&[("Content-Type", "text/html"), ("Server", "s")]),
    }
}
