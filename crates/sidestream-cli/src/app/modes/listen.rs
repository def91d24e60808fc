//! The modes that listen.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use sidestream::capture::Target;
use sidestream::flow::Transport;
use sidestream::onboarding::HOST;
use sidestream::proxy::{Reverse, Speaks};
use sidestream::upstream::Server as Proxy;
use sidestream::{Builder, Inside, Listening};

use super::work::Work;
use crate::mode::{Kind, Listen, Mode, Scheme, Server};
use crate::print::Detail;
use crate::root::Root;
use crate::say::say;
use crate::settings::Settings;
use crate::through::Through;

/// What listens, for whom.
pub(super) struct Opened {
    listening: Listening,
    mode: &'static str,
    /// The proxy through which its clients reach servers, if it has one of its own.
    proxy: Option<Proxy>,
    /// The server that its clients take us for, if they do.
    reverse: Option<Reverse>,
}

impl Opened {
    const fn new(listening: Listening, mode: &'static str) -> Self {
        Self { listening, mode, proxy: None, reverse: None }
    }

    /// Returns where programs of this machine find the proxy, if it is one for HTTP: rather on
    /// loopback, and on IPv4.
    pub(super) fn as_proxy(&self) -> Option<SocketAddr> {
        let is_here = |addr: &&SocketAddr| addr.ip().is_loopback() || addr.ip().is_unspecified();
        let addrs = self.listening.addrs.iter();
        let best = addrs.min_by_key(|addr| (!is_here(addr), addr.is_ipv6()));
        best.copied().filter(|_| self.mode == "regular")
    }
}

/// Finds a mode that would let in anybody, against what the user expects, or one that chooses for
/// itself from where it connects.
pub(super) fn check(modes: &[Mode], settings: &Settings) -> Option<String> {
    let is_local = |mode: &Mode| matches!(mode.kind, Kind::Local(_));
    if settings.connect_addr.is_some() && modes.iter().any(is_local) {
        return Some(
            "mode local connects from where each program would: leave it out, or --connect-addr \
             (which may also be set by SIDESTREAM_CONNECT_ADDR or the configuration file)"
                .into(),
        );
    }
    settings.proxy_auth.as_ref()?;
    let open = modes.iter().find_map(|mode| match &mode.kind {
        Kind::Reverse(server) => Some(server.scheme).filter(|scheme| !has_requests(*scheme)),
        _ => None,
    });
    Some(format!(
        "mode reverse asks for a password in requests of HTTP alone, and {}:// has none that it reads: \
         write http:// or https:// before the server, leave the mode out, or --proxy-auth (which \
         may also be set by SIDESTREAM_PROXY_AUTH or the configuration file)",
        open?.name()
    ))
}

/// Listens where these modes do, if any does. Needs a runtime.
pub(super) fn listen(modes: &[Mode], settings: &Settings) -> anyhow::Result<Vec<Opened>> {
    if let Some(credentials) = &settings.proxy_auth {
        credentials.check().context("--proxy-auth has a file that cannot be used")?;
    }
    let mut opened = Vec::new();
    let regular = addrs(modes, &Kind::Regular)?;
    if !regular.is_empty() {
        let mode = "regular";
        opened.push(Opened::new(sidestream::listen(&regular, mode)?, mode));
    }
    let socks5 = addrs(modes, &Kind::Socks5)?;
    if !socks5.is_empty() {
        let listening = sidestream::listen_socks5(&socks5, settings.proxy_auth.clone())?;
        opened.push(Opened::new(listening, "socks5"));
    }
    for mode in modes {
        let Some(listen) = mode.listen() else { continue };
        match &mode.kind {
            Kind::Upstream(proxy) => {
                let listening = sidestream::listen(&resolve(&listen)?, "upstream")?;
                let proxy = Some(proxy.clone());
                opened.push(Opened { proxy, ..Opened::new(listening, "upstream") });
            }
            Kind::Reverse(server) => {
                let (target, transport, reverse) = stand_in(server, settings);
                let listening = sidestream::listen_reverse(&resolve(&listen)?, &target, transport)?;
                let reverse = Some(reverse);
                opened.push(Opened { reverse, ..Opened::new(listening, "reverse") });
            }
            _ => {}
        }
    }
    Ok(opened)
}

/// Returns whether what is said to such a server is read as requests of HTTP, and nothing else
/// reaches it.
const fn has_requests(scheme: Scheme) -> bool {
    matches!(scheme, Scheme::Http | Scheme::Https)
}

/// Words the server of a mode as the driver and the machine want it.
fn stand_in(server: &Server, settings: &Settings) -> (Target, Transport, Reverse) {
    let Server { scheme, ref host, port } = *server;
    let target = match host.parse::<IpAddr>() {
        Ok(ip) => Target::Addr((ip, port).into()),
        Err(_name) => Target::Name(host.clone(), port),
    };
    let transport = if scheme == Scheme::Udp { Transport::Udp } else { Transport::Tcp };
    let speaks = match scheme {
        scheme if has_requests(scheme) => Speaks::Http,
        Scheme::Tls => Speaks::Any,
        _ => Speaks::Raw,
    };
    let reverse = Reverse {
        host: host.clone(),
        port,
        secure: matches!(scheme, Scheme::Https | Scheme::Tls),
        speaks,
        keeps_host: settings.keep_host_header,
    };
    (target, transport, reverse)
}

/// Returns where the modes of a kind listen.
fn addrs(modes: &[Mode], kind: &Kind) -> anyhow::Result<Vec<SocketAddr>> {
    let modes = modes.iter().filter(|mode| mode.kind == *kind);
    let listens: Vec<_> = modes.filter_map(Mode::listen).collect();
    Ok(listens.iter().map(resolve).collect::<anyhow::Result<Vec<_>>>()?.concat())
}

/// Finds the addresses of a host; a name may have several.
pub(super) fn resolve(listen: &Listen) -> anyhow::Result<Vec<SocketAddr>> {
    let found = (listen.host(), listen.port).to_socket_addrs();
    let found = found.with_context(|| format!("cannot listen on {listen}, no such host"))?;
    let mut addrs: Vec<_> = found.collect();
    addrs.dedup();
    Ok(addrs)
}

/// Serves the clients, who find the page for the root inside, and tells them of it.
pub(super) fn serve(
    opened: Vec<Opened>,
    builder: &Builder,
    root: &Root,
    through: &Through,
    settings: &Settings,
    work: &mut Work,
) -> anyhow::Result<()> {
    for Opened { listening, mode, proxy, reverse } in opened {
        let through = match proxy {
            Some(proxy) => {
                let through = through.clone().with_server(proxy);
                through.tell(work.detail);
                through
            }
            None => through.clone(),
        };
        let inside = Inside::new(through.direct(), root.site()?).with_crl(root.authority.clone());
        // Clients of a server know of no name inside.
        let crl = if reverse.is_some() { None } else { inside.crl_url() };
        let mut builder = builder.clone().crl(crl).dial(Arc::new(inside));
        if matches!(mode, "regular" | "reverse" | "upstream") {
            builder = builder.proxy_auth(settings.proxy_auth.clone());
        }
        if let Some(reverse) = reverse.clone() {
            builder = builder.reverse(reverse);
        }
        let sidestream = builder.build()?;
        if work.detail > Detail::Quiet {
            match &reverse {
                Some(reverse) => tell_reverse(&listening, reverse),
                None => tell(&listening, mode, root.certificate_path.as_deref()),
            }
        }
        work.handles.push(sidestream.serve(listening.capture));
    }
    Ok(())
}

/// Tells where is listened in the place of a server.
fn tell_reverse(listening: &Listening, reverse: &Reverse) {
    let addrs: Vec<_> = listening.addrs.iter().map(ToString::to_string).collect();
    let Reverse { host, port, .. } = reverse;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    say(format_args!("listening on {} for {host}:{port}", addrs.join(", ")));
}

/// Tells where is listened, and what clients have to trust.
fn tell(listening: &Listening, mode: &str, certificate: Option<&Path>) {
    let addrs: Vec<_> = listening.addrs.iter().map(ToString::to_string).collect();
    let how = if mode == "socks5" { " for SOCKS" } else { "" };
    let trust = certificate.map(|path| format!(", its root is {}", path.display()));
    say(format_args!(
        "listening on {}{how}{}; clients find it at http://{HOST}",
        addrs.join(", "),
        trust.unwrap_or_default()
    ));
}
