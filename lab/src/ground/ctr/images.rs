//! Images for containers, made of this machine's own programs, in layers that they share.

use std::fmt::Write as _;
use std::io::{BufWriter, Read as _, Write};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tar::{Builder, Header};

use crate::closure::{self, Closure};

/// What every image is called, before its tag.
const REPOSITORY: &str = "sidestream-lab";
/// Where images are said to be from where no registry is at hand.
const LOCAL: &str = "localhost/";

/// What archives are filled up to.
const BLOCK: u64 = 512;

/// What every host has: what the agent asks systems with, and what people look around with.
const TOOLS: &[&str] = &[
    "sh", "cat", "chmod", "cp", "env", "getent", "id", "ip", "kill", "ls", "mkdir", "mount", "mv",
    "nft", "ps", "rm", "sleep", "umount",
];

/// A layer: programs that go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Base,
    Curl,
    Java,
    Node,
    Origin,
    Python,
}

/// An image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Image {
    /// Every client.
    Clients,
    /// curl and dig.
    Curl,
    /// A Java.
    Java,
    /// Node.
    Node,
    /// nginx and dnsmasq.
    Origin,
    /// A Python.
    Python,
}

impl Image {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Clients, Self::Curl, Self::Java, Self::Node, Self::Origin, Self::Python];

    /// Returns its tag.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Clients => "clients",
            Self::Curl => "curl",
            Self::Java => "java",
            Self::Node => "node",
            Self::Origin => "origin",
            Self::Python => "python",
        }
    }

    /// Returns its name, without the tag: from the registry that `LAB_REGISTRY` names, or local.
    #[must_use]
    pub fn name() -> String {
        let registry = std::env::var("LAB_REGISTRY").unwrap_or_else(|_| LOCAL.to_owned());
        format!("{registry}{REPOSITORY}")
    }

    /// Picks one for a host: that of the program that it is named after, else every client's.
    #[must_use]
    pub fn of_host(host: &str) -> Self {
        let named = |image: &Self| *image != Self::Clients && host.contains(image.tag());
        Self::ALL.into_iter().find(named).unwrap_or(Self::Clients)
    }

    const fn layers(self) -> &'static [Layer] {
        match self {
            Self::Clients => &[Layer::Base, Layer::Curl, Layer::Python, Layer::Node, Layer::Java],
            Self::Curl => &[Layer::Base, Layer::Curl],
            Self::Java => &[Layer::Base, Layer::Java],
            Self::Node => &[Layer::Base, Layer::Node],
            Self::Origin => &[Layer::Base, Layer::Origin],
            Self::Python => &[Layer::Base, Layer::Python],
        }
    }
}

impl Layer {
    const ALL: [Self; 6] =
        [Self::Base, Self::Curl, Self::Java, Self::Node, Self::Origin, Self::Python];

    const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Base => TOOLS,
            Self::Curl => &["curl", "dig"],
            Self::Java => &["java"],
            Self::Node => &["node"],
            Self::Origin => &["nginx", "dnsmasq"],
            Self::Python => &["/usr/bin/python3"],
        }
    }

    /// Gathers what of it is on this machine; a trial that wants the rest is told.
    fn closure(self) -> Result<Closure> {
        let mut closure = Closure::base()?;
        for program in self.programs() {
            closure.program_if_here(program)?;
        }
        if self == Self::Base {
            own_libraries()?.iter().try_for_each(|library| closure.path(library).map(drop))?;
        }
        Ok(closure)
    }
}

/// Lists the libraries that this program has loaded: as an agent it needs them in containers.
fn own_libraries() -> Result<Vec<PathBuf>> {
    let maps = std::fs::read_to_string("/proc/self/maps").context("reading its own libraries")?;
    let mapped = maps.lines().filter_map(|line| line.split_whitespace().nth(5));
    let mut libraries: Vec<_> =
        mapped.filter(|path| path.contains(".so")).map(PathBuf::from).collect();
    libraries.dedup();
    Ok(libraries)
}

/// A layer, and what an engine knows its archive by.
struct Packed<'a> {
    layer: Layer,
    closure: &'a Closure,
    digest: String,
    len_bytes: u64,
}

/// All images, ready to be given to an engine.
#[derive(Debug)]
pub struct Images {
    layers: Vec<(Layer, Closure)>,
    key: String,
}

impl Images {
    /// Gathers what they are made of.
    ///
    /// # Errors
    ///
    /// When something cannot be read.
    pub fn of_this_machine() -> Result<Self> {
        let mut hash = Sha256::new();
        let mut layers = Vec::new();
        for layer in Layer::ALL {
            let closure = layer.closure().with_context(|| format!("a layer for {layer:?}"))?;
            hash.update(closure.key());
            layers.push((layer, closure));
        }
        Ok(Self { layers, key: hex(&hash.finalize()[..10]) })
    }

    /// Lists the programs that would be in them now.
    pub(super) fn programs() -> impl Iterator<Item = PathBuf> {
        let programs = Layer::ALL.into_iter().flat_map(Layer::programs);
        programs.filter_map(|program| closure::find(program))
    }

    /// Returns a name for what they are made of.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Writes them as an archive that `docker load` reads.
    ///
    /// # Errors
    ///
    /// When something cannot be read or written, or changes meanwhile.
    pub fn write(&self, to: impl Write) -> Result<()> {
        let packed = self.layers.iter().map(|(layer, closure)| Packed::of(*layer, closure));
        let packed = packed.collect::<Result<Vec<_>>>()?;
        let mut tar = Builder::new(to);
        for layer in &packed {
            layer.append(&mut tar)?;
        }
        let mut manifest = Vec::new();
        for image in Image::ALL {
            let find = |layer: &Layer| packed.iter().find(|packed| packed.layer == *layer);
            let layers: Vec<_> = image.layers().iter().filter_map(find).collect();
            let config = config(&layers);
            let name = format!("{}.json", hex(&Sha256::digest(&config)));
            append(&mut tar, &name, &config)?;
            let names: Vec<_> = layers.iter().map(|layer| layer.name()).collect();
            let tags = [format!("{}:{}", Image::name(), image.tag())];
            manifest.push(json!({ "Config": name, "RepoTags": tags, "Layers": names }));
        }
        append(&mut tar, "manifest.json", json!(manifest).to_string().as_bytes())?;
        Ok(tar.into_inner()?.flush()?)
    }
}

impl<'a> Packed<'a> {
    /// Packs it once for its digest alone: a second time is cheaper than a file in between.
    fn of(layer: Layer, closure: &'a Closure) -> Result<Self> {
        let mut digest = Digest::default();
        let packed = closure.write_tar(BufWriter::with_capacity(1 << 16, &mut digest));
        packed.with_context(|| format!("packing a layer for {layer:?}"))?;
        let Digest { hash, len_bytes } = digest;
        Ok(Self { layer, closure, digest: hex(&hash.finalize()), len_bytes })
    }

    fn name(&self) -> String {
        format!("{}/layer.tar", self.digest)
    }

    fn append(&self, tar: &mut Builder<impl Write>) -> Result<()> {
        let mut header = header(self.len_bytes);
        header.set_path(self.name())?;
        header.set_cksum();
        let to = tar.get_mut();
        to.write_all(header.as_bytes())?;
        let mut counted = Counted { to: &mut *to, len_bytes: 0 };
        self.closure.write_tar(&mut counted)?;
        ensure!(counted.len_bytes == self.len_bytes, "files change while they are packed");
        let padding = self.len_bytes.next_multiple_of(BLOCK) - self.len_bytes;
        Ok(std::io::copy(&mut std::io::repeat(0).take(padding), to).map(drop)?)
    }
}

/// Only counts and hashes.
#[derive(Default)]
struct Digest {
    hash: Sha256,
    len_bytes: u64,
}

impl Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.hash.update(bytes);
        self.len_bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Counts what passes.
struct Counted<W> {
    to: W,
    len_bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.len_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Describes an image to the engine.
fn config(layers: &[&Packed<'_>]) -> Vec<u8> {
    let digests: Vec<_> = layers.iter().map(|layer| format!("sha256:{}", layer.digest)).collect();
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let config = json!({
        "architecture": architecture,
        "os": "linux",
        "config": { "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"] },
        "rootfs": { "type": "layers", "diff_ids": digests },
    });
    config.to_string().into_bytes()
}

fn append(tar: &mut Builder<impl Write>, name: &str, bytes: &[u8]) -> Result<()> {
    Ok(tar.append_data(&mut header(bytes.len() as u64), name, bytes)?)
}

fn header(len_bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(len_bytes);
    header
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        _ = write!(text, "{byte:02x}");
        text
    })
}
