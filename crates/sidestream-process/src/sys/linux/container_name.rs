//! The names of containers, where the runtime keeps them on disk.

use std::fs::File;
use std::io::{BufReader, Read};

use serde::Deserialize;
use sidestream_flow::Container;

/// The most of a container's description that is read.
const MAX_LEN: u64 = 4 * 1024 * 1024;

/// What is used of Docker's description of a container.
#[derive(Deserialize)]
struct Description {
    #[serde(rename = "Name")]
    name: String,
}

/// Reads the name of a container: those of Docker have one, and root can read it.
pub(super) fn read(container: &Container) -> Option<String> {
    let is_plain = container.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_plain || !matches!(container.runtime.as_deref(), Some("docker") | None) {
        return None;
    }
    let path = format!("/var/lib/docker/containers/{}/config.v2.json", container.id);
    parse(BufReader::new(File::open(path).ok()?.take(MAX_LEN)))
}

fn parse(text: impl Read) -> Option<String> {
    let description: Description = serde_json::from_reader(text).ok()?;
    // Docker keeps the name as a path below its root of links.
    let name = description.name.strip_prefix('/').unwrap_or(&description.name);
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_name_has_no_slash_before_it() {
        let text = r#"{"ID":"3f67","Created":"2026-01-02","Name":"/web-1","State":{"Pid":7}}"#;
        assert_eq!(parse(text.as_bytes()).as_deref(), Some("web-1"));
        for none in ["", "{", "{}", r#"{"Name":7}"#, r#"{"Name":"/"}"#] {
            assert_eq!(parse(none.as_bytes()), None, "{none}");
        }
    }
}
