//! What peers of HTTP/2 advise each other of, in words.

use super::text;
use crate::{Advice, Advised};

/// Words advice: the frame, what it is about, and what it says.
pub fn advice(Advised { from: _, advice }: &Advised) -> String {
    let frame = advice.frame();
    match advice {
        Advice::Alternative { origin: Some(origin), value } => {
            format!("{frame} {}: {}", text(origin), text(value))
        }
        Advice::Alternative { origin: None, value } => format!("{frame} {}", text(value)),
        Advice::Origins(origins) if origins.is_empty() => format!("{frame} without any"),
        Advice::Origins(origins) => {
            let origins: Vec<_> = origins.iter().map(|origin| text(origin)).collect();
            format!("{frame} {}", origins.join(", "))
        }
        Advice::Priority { stream, value } => {
            format!("{frame} stream {stream}: {}", text(value))
        }
    }
}
