//! The command line of `spec explain`.

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};

use clap::Args;

/// A spec and the facts to try it on; what is not given counts as not known.
#[derive(Debug, Args)]
pub struct Explain {
    /// The spec.
    #[arg(allow_hyphen_values = true)]
    pub spec: String,

    /// The process id; what this machine knows of that process counts as given too.
    #[arg(long, value_name = "PID")]
    pub pid: Option<u32>,

    /// The executable's name.
    #[arg(long)]
    pub name: Option<OsString>,

    /// The executable's path.
    #[arg(long)]
    pub path: Option<OsString>,

    /// The user, by name or number.
    #[arg(long)]
    pub user: Option<String>,

    /// The cgroup's path.
    #[arg(long)]
    pub cgroup: Option<OsString>,

    /// The systemd unit.
    #[arg(long)]
    pub unit: Option<String>,

    /// The container, by name or id.
    #[arg(long)]
    pub container: Option<String>,

    /// The destination: an address with a port, or an address (then port 443).
    #[arg(long, value_name = "ADDR[:PORT]", value_parser = destination)]
    pub dst: Option<SocketAddr>,

    /// The destination's name.
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
}

const DEFAULT_PORT: u16 = 443;

fn destination(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let from_addr = || bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DEFAULT_PORT));
    let parsed = text.parse().ok().or_else(from_addr);
    parsed.ok_or_else(|| "use an address, as 192.0.2.1:443 or [2001:db8::1]:443".to_owned())
}
