//! `demo`: shows on this machine alone that interception works.

mod client;
mod origin;
mod play;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use sidestream::ca::{Authority, LeafRequest};
use sidestream::proxy::UpstreamTrust;

use crate::exit::Exit;
use crate::print::{Color, Detail, Style};
use crate::root::{Root, provider};

pub use client::fetch;
use origin::Origin;
use play::{Play, Scene};

/// The name by which the clients know the origin; every machine has it, without the network.
const HOST: &str = "localhost";

/// Runs each client against a server of our own, and prints what was seen.
///
/// # Errors
///
/// The machine does not let it: the message says what to do.
pub fn demo(detail: Detail, style: Style) -> anyhow::Result<Exit> {
    let origin = start_origin()?;
    let url = format!("https://{HOST}:{}/hello", origin.port);
    let play = Play {
        root: Root::ephemeral()?,
        trust: UpstreamTrust { roots: vec![origin.root.clone()], insecure: false },
        detail,
        style,
    };
    let scenes = scenes(&url)?;
    let mut out = io::stdout().lock();
    writeln!(out, "A server of our own is at {url}. Each client below runs unmodified.\n")?;
    let mut seen = 0;
    for scene in &scenes {
        writeln!(out, "{}", style.paint(Color::Bold, &format!("$ {}", scene.shown)))?;
        seen += usize::from(play.perform(scene, &url, &mut out)?);
    }
    let all = seen == scenes.len();
    let verdict = format!(
        "{seen} of {} flows were decrypted, each with the process that caused it. \
         Nothing on this machine was changed.",
        scenes.len()
    );
    writeln!(out, "{}", style.paint(if all { Color::Green } else { Color::Red }, &verdict))?;
    Ok(if all { Exit::Success } else { Exit::Failure })
}

/// Starts a server whose authority nobody on this machine trusts, save the proxy.
fn start_origin() -> anyhow::Result<Origin> {
    let now = SystemTime::now();
    let authority = Authority::generate("Sidestream demonstration", now, &provider())?;
    let leaf = authority.issue(&LeafRequest::new(HOST.parse()?, now))?;
    Origin::start(authority.certificate_der().clone(), Arc::new(leaf.certified_key()))
}

/// Lists the clients: one of our own, and curl if the machine has it.
fn scenes(url: &str) -> anyhow::Result<Vec<Scene>> {
    let own = std::env::current_exe()?;
    let mut scenes = vec![Scene {
        shown: format!("sidestream run -- sidestream demo-client {url}"),
        words: vec![own.clone().into(), "demo-client".into(), url.into()],
        program: name_of(&own),
        method: "GET",
        explanation: "The client speaks TLS of its own. It verified a certificate that was issued \
                      just now,\n    by a root that it and its children alone find among those \
                      of the machine.",
    }];
    if let Some(curl) = find_in_path("curl") {
        let words = ["-sS", "--noproxy", "*", "-o", "/dev/null", "-d", "name=ada", url];
        let mut words: Vec<OsString> = words.map(OsString::from).to_vec();
        words.insert(0, curl);
        scenes.push(Scene {
            shown: format!("sidestream run -- curl -d name=ada {url}"),
            words,
            program: "curl".into(),
            method: "POST",
            explanation: "curl knows nothing of a proxy: its connection was taken from the \
                          kernel, with the name\n    of the process, and what it uploads is \
                          read as well.",
        });
    }
    Ok(scenes)
}

fn name_of(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn find_in_path(program: &str) -> Option<OsString> {
    let folders = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&folders).map(|folder| folder.join(program));
    found.into_iter().find(|path| path.is_file()).map(Into::into)
}
