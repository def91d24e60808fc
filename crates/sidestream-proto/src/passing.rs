//! Which flows are passed as they are: decided before anything of them is decrypted or recorded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustls::AlertDescription;
use sidestream_flow::Peer;
use sidestream_record::{Event, Failure, Offered, PassReason, Passed};
use sidestream_spec::{Fact, Facts, Spec, Verdict};

use crate::HttpVersions;
use crate::cx::Cx;
use crate::layer::Told;
use crate::tls::hello::ClientHello;
use crate::tls::ja4::{self, ja4};

/// How soon after our certificate a client closes that does not take it: later than that it has
/// taken it, and had nothing to say.
const PROMPTLY: Duration = Duration::from_secs(3);

/// When a flow is passed as it is.
///
/// By default none is, but where TLS is spoken that the machine does not speak.
#[derive(Clone, Debug)]
pub struct PassRules {
    /// What is left of the spec when it depends on the host's name. The name is that of SNI, or
    /// of a first request in the clear; only if there is none, that under which the client looked
    /// the server up ([`Start::host`](crate::Start::host)), for several hosts may share an
    /// address.
    pub residual: Option<Arc<Spec>>,
    /// Whether TLS is decrypted. If not, it is recognized and passed; what is in the clear is read
    /// all the same.
    pub decrypt: bool,
    /// The hosts whose certificate, as we make it, the program refused before.
    pub refused: Option<Arc<RefusedHosts>>,
    /// Whether a client that closes right after our certificate without having said anything is
    /// taken for one that refuses it. One that says so by an alert is in any case.
    pub suspect: bool,
    /// Whether the content of what is passed raw is recorded to its end. If not, as suits where
    /// nobody keeps content, that of the first 100 KiB is; then only how much it was, and the
    /// engine is asked to do the rest where it can.
    pub record_raw: bool,
}

impl Default for PassRules {
    fn default() -> Self {
        Self { residual: None, decrypt: true, refused: None, suspect: false, record_raw: true }
    }
}

/// The hosts whose certificates a program refused, and until when it is not shown ours again.
pub type RefusedHosts = HashMap<String, RefusedUntil>;

/// Until when a program is not shown our certificate for a host, on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedUntil {
    /// By this it is decided.
    pub at: Instant,
    /// This is recorded.
    pub time: SystemTime,
}

/// That the client was shown our certificate, and has said nothing since.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) host: String,
    pub(crate) at: Instant,
}

/// Returns whether the name that a client asks for in the clear may decide.
pub(crate) fn depends_on_host(cx: &Cx) -> bool {
    cx.pass.residual.is_some() || !cx.hosts_decided && cx.config.hosts.decide()
}

/// Returns where the flow leads, in each form that is known; `host` is what the client asks for.
fn places(host: Option<&String>, cx: &Cx) -> Vec<String> {
    let port = cx.server_port();
    let known = match &cx.tunnel {
        Some((host, port)) => format!("{host}:{port}"),
        None => cx.key.server.to_string(),
    };
    let names = cx.host.iter().chain(host).map(|host| format!("{host}:{port}"));
    [known].into_iter().chain(names).collect()
}

/// Decides by the hosts that the user ignores or allows, once for a flow.
fn by_hosts(host: Option<&String>, cx: &mut Cx) -> Option<PassReason> {
    if cx.hosts_decided || !cx.config.hosts.decide() {
        return None;
    }
    cx.hosts_decided = true;
    let passed = cx.config.hosts.pass(&places(host, cx));
    passed.then(|| PassReason::Hosts { host: host.or(cx.host.as_ref()).cloned() })
}

/// Returns whether the flow is not looked into, though it is decrypted.
pub(crate) fn is_closed(cx: &Cx) -> bool {
    // Requests are read that have to say who sent them.
    cx.guard().is_none()
        && cx.config.hosts.may_close()
        && cx.config.hosts.close(cx.key.transport, &places(None, cx))
}

/// Returns which versions of HTTP are spoken: where nothing is looked into, nothing is translated.
pub(crate) fn versions(cx: &Cx) -> HttpVersions {
    if is_closed(cx) { HttpVersions::default() } else { cx.config.http }
}

/// Decides by the hosts and by what is left of the spec, once for a flow; `None` lets it be
/// intercepted.
pub(crate) fn by_spec(host: Option<String>, cx: &mut Cx) -> Option<PassReason> {
    if let Some(why) = by_hosts(host.as_ref(), cx) {
        return Some(why);
    }
    let spec = cx.pass.residual.take()?;
    let host = host.or_else(|| cx.host.clone());
    let facts = Facts {
        destination: Fact::Known(cx.key.server),
        host: Fact::or_absent(host.as_deref()),
        ..Facts::ABSENT
    };
    (spec.decide(&facts) != Verdict::Intercept).then_some(PassReason::Spec { host })
}

/// Decides whether TLS is passed that the client wants to speak to a server.
pub(crate) fn by_hello(hello: &ClientHello, cx: &mut Cx) -> Option<PassReason> {
    if let Some(why) = by_spec(hello.host(), cx) {
        return Some(why);
    }
    if !cx.pass.decrypt {
        return Some(PassReason::Untrusted);
    }
    let refused = cx.pass.refused.clone()?;
    let host = host_of_leaf(hello.host().as_ref(), cx);
    let until = refused.get(&host).filter(|until| cx.now < until.at)?;
    Some(PassReason::Refused { host, until: until.time })
}

/// Returns the host that a leaf is issued for: as the client asked for it, looked it up, or
/// dialled it.
pub(crate) fn host_of_leaf(sni: Option<&String>, cx: &Cx) -> String {
    let host = sni.or(cx.host.as_ref()).cloned();
    host.unwrap_or_else(|| cx.key.server.ip().to_string())
}

/// Tells that the flow is passed as it is.
pub(crate) fn tell(why: PassReason, hello: Option<&ClientHello>, cx: &mut Cx) {
    let offered = hello.map(|hello| Offered {
        sni: hello.sni.clone(),
        alpn: hello.alpn.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
        ja4: ja4(hello, ja4::Transport::Tcp),
    });
    cx.event(Event::Passed(Box::new(Passed { why, offered })));
}

/// Returns whether by that alert a client says that it does not take our certificate.
pub(crate) const fn refuses(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::UnsupportedCertificate
    )
}

impl Cx {
    /// Returns how the flow fails if what happened is that the client refuses our certificate.
    pub(crate) fn refusal(&mut self, told: &Told) -> Option<Failure> {
        let shown = self.shown.as_ref()?;
        let alert = match told {
            Told::TlsFailed(Peer::Client, error @ rustls::Error::AlertReceived(alert))
                if refuses(*alert) =>
            {
                Some(error.to_string())
            }
            Told::Eof(Peer::Client, _) | Told::Reset(Peer::Client)
                if self.pass.suspect && self.now.duration_since(shown.at) <= PROMPTLY =>
            {
                None
            }
            Told::Data(Peer::Client, _) => {
                self.shown = None;
                return None;
            }
            _ => return None,
        };
        let host = self.shown.take()?.host;
        Some(Failure::CertificateRefused { host, alert, passed_for: None })
    }
}
