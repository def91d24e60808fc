//! Fixtures against `fixtures/index.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::conclude;
use crate::workspace::{Workspace, files};

/// A larger fixture says why.
const LARGE_BYTES: usize = 64 * 1024;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    source: Option<String>,
    command: Option<String>,
    license: Option<String>,
    reason: Option<String>,
    sha256: Option<String>,
}

type Index = BTreeMap<String, Entry>;

/// Compares, after filling in the hashes with `update`.
pub(crate) fn run(workspace: &Workspace, update: bool) -> Result<()> {
    let folder = workspace.root.join("fixtures");
    let path = folder.join("index.toml");
    let mut text = fs::read_to_string(&path).context("reading fixtures/index.toml")?;
    let contents = read(&folder)?;
    if update {
        text = with_hashes(&text, &contents);
        fs::write(&path, &text).context("writing fixtures/index.toml")?;
    }
    let index: Index = toml::from_str(&text).context("reading fixtures/index.toml")?;
    conclude("fixtures", &check(&index, &contents))?;
    println!("fixtures: {} as the index says", index.len());
    Ok(())
}

/// Reads every fixture, by its path below the folder.
fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut contents = BTreeMap::new();
    for path in files(folder)? {
        let name = path.strip_prefix(folder)?.to_string_lossy().replace('\\', "/");
        if name != "index.toml" {
            contents.insert(name, fs::read(&path)?);
        }
    }
    Ok(contents)
}

fn check(index: &Index, contents: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let mut findings = Vec::new();
    for (name, entry) in index {
        let Some(bytes) = contents.get(name) else {
            findings.push(format!("{name}: in the index, but not there"));
            continue;
        };
        if entry.source.is_none() && entry.command.is_none() {
            findings.push(format!("{name}: say its source, or the command that made it"));
        }
        if entry.license.is_none() {
            findings.push(format!("{name}: say its license"));
        }
        if bytes.len() > LARGE_BYTES && entry.reason.is_none() {
            findings.push(format!("{name}: {} bytes; say the reason", bytes.len()));
        }
        match &entry.sha256 {
            Some(hash) if *hash == sha256(bytes) => {}
            Some(_) => findings.push(format!("{name}: its SHA-256 is another")),
            None => findings.push(format!("{name}: no SHA-256; cargo xtask fixtures --update")),
        }
    }
    let unlisted = contents.keys().filter(|name| !index.contains_key(*name));
    findings.extend(unlisted.map(|name| format!("{name}: not in the index")));
    findings
}

/// Rewrites the `sha256` lines and leaves all else, comments too, as it is.
fn with_hashes(text: &str, contents: &BTreeMap<String, Vec<u8>>) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut current = None;
    for line in text.lines() {
        if line.starts_with('[') {
            let name = line.trim_matches(['[', ']', '"', ' ']);
            current = contents.get(name).map(|bytes| sha256(bytes));
            lines.push(line.to_owned());
            if let Some(hash) = &current {
                lines.push(format!("sha256 = \"{hash}\""));
            }
        } else if current.is_none() || !line.trim_start().starts_with("sha256") {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n") + "\n"
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(names: &[(&str, &[u8])]) -> BTreeMap<String, Vec<u8>> {
        names.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())).collect()
    }

    const INDEX: &str = "# Head.\n\n[\"a/x.bin\"]\nsource = \"by hand\"\nlicense = \"MIT\"\n";

    #[test]
    fn fills_in_hashes_and_is_then_content() {
        let contents = contents(&[("a/x.bin", b"abc")]);
        let once = with_hashes(INDEX, &contents);
        assert!(once.starts_with("# Head.\n\n[\"a/x.bin\"]\nsha256 = \"ba7816bf8f01cfea"));
        assert_eq!(with_hashes(&once, &contents), once);
        assert_eq!(check(&toml::from_str(&once).unwrap(), &contents), Vec::<String>::new());
    }

    #[test]
    fn finds_each_offence() {
        let check_one = |index: &str, name: &str, bytes: &[u8], expected: &[&str]| {
            assert_eq!(
                check(&toml::from_str(index).unwrap(), &contents(&[(name, bytes)])),
                expected
            );
        };
        let no_hash = "a/x.bin: no SHA-256; cargo xtask fixtures --update";
        check_one(INDEX, "a/x.bin", b"abc", &[no_hash]);
        let wrong = format!("{INDEX}sha256 = \"00\"\n");
        check_one(&wrong, "a/x.bin", b"abc", &["a/x.bin: its SHA-256 is another"]);
        let both = ["a/x.bin: in the index, but not there", "b.bin: not in the index"];
        check_one(INDEX, "b.bin", b"", &both);
        let large = "a/x.bin: 65537 bytes; say the reason";
        check_one(INDEX, "a/x.bin", &[0; 65_537], &[large, no_hash]);
        let bare =
            ["a/x.bin: say its source, or the command that made it", "a/x.bin: say its license"];
        check_one("[\"a/x.bin\"]\n", "a/x.bin", b"", &[bare[0], bare[1], no_hash]);
    }
}
