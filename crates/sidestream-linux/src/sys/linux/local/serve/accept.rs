//! Captured connections and associations, handed over with all that is known of them.

use std::net::{SocketAddr, TcpStream};

use rustix::net::sockopt::set_socket_linger;
use sidestream_bpf::{self as bpf, Origin, Slot};
use sidestream_flow::{FlowKey, Transport};
use sidestream_ipc::{Flow, FlowVerdict, NoticeKind};
use sidestream_spec::{Facts, Spec, Verdict};
use tracing::{debug, trace};

use super::decide::Decision;
use super::engine::Engine;
use super::processes::{Identity, Image, Key, Seen, look};

impl Engine {
    /// Takes an accepted connection in.
    pub(crate) fn handle_connection(&mut self, stream: TcpStream, client: SocketAddr) {
        let fake = stream.local_addr().ok();
        let origin = fake.and_then(|fake| self.claim(fake, Transport::Tcp));
        let Some(flow) = origin.and_then(|origin| self.flow(&origin, client)) else {
            self.notices.add(NoticeKind::Unclaimed, None, None, 1);
            // A reset says clearly that nobody serves it.
            if let Err(error) = set_socket_linger(&stream, Some(std::time::Duration::ZERO)) {
                debug!(%error, "an unclaimed connection ends without a reset");
            }
            return;
        };
        self.out.push_with(&flow.into(), stream.into());
    }

    /// Finds out where a connection to a fake address was going.
    pub(super) fn claim(&mut self, fake: SocketAddr, transport: Transport) -> Option<Origin> {
        let slot = Slot::of(fake)?;
        match self.hooks.origin(slot) {
            Ok(origin) => origin.filter(|origin| origin.transport == transport),
            Err(error) => {
                debug!(?slot, %error, "no origin");
                None
            }
        }
    }

    /// Describes a flow, after its process has been told; `None` if it is not to be captured.
    pub(super) fn flow(&mut self, origin: &Origin, client: SocketAddr) -> Option<Flow> {
        // The hooks see to this already.
        if self.is_foreign(origin.uid) {
            return None;
        }
        // Nor could its server be reached from a place that is not known any more.
        let net = self.nets.number(origin.netns_cookie).ok()?;
        let key = self.identify(origin);
        let decisions = self.verdicts.decisions(key, &mut self.processes, &mut self.people);
        if origin.verdict == bpf::Verdict::Undecided {
            self.enforce(key);
        }
        let verdict = of_flow(&decisions.own, origin.destination);
        let process = self.record(key, &origin.exe);
        self.last_flow += 1;
        trace!(flow = self.last_flow, pid = origin.pid, "captured");
        let source = origin.bound.or(origin.source).unwrap_or_else(|| client.ip());
        Some(Flow {
            id: self.last_flow,
            key: FlowKey {
                transport: origin.transport,
                client: SocketAddr::new(source, client.port()),
                server: origin.destination,
            },
            process,
            verdict,
            bound: origin.bound,
            path_mtu_discovery: origin.path_mtu_discovery,
            net,
        })
    }

    /// Finds the process of a flow, and looks at it if no event has told of it.
    fn identify(&mut self, origin: &Origin) -> Key {
        let identity = Identity::new(origin.pid, origin.started_ns);
        let key = self.processes.find(identity).unwrap_or_else(|| {
            let seen = look(origin.pid).filter(|seen| seen.identity == identity);
            self.processes.handle_look(&seen.unwrap_or_else(|| gone(identity, origin)))
        });
        // It may have changed its user without running another program.
        self.set_user(key, origin.uid);
        key
    }
}

/// Describes a process that has gone before anything was known of it.
fn gone(identity: Identity, origin: &Origin) -> Seen {
    let Origin { exe, comm, parent, uid, .. } = origin;
    let image = Image {
        path: Some(exe.into()).filter(|_| !exe.is_empty()),
        comm: comm.clone(),
        args: Vec::new(),
    };
    Seen { identity, parent: *parent, uid: *uid, image }
}

/// Applies what was decided about a process to one of its flows.
pub(super) fn of_flow(decision: &Decision, destination: SocketAddr) -> FlowVerdict {
    let residual: &Spec = match decision {
        Decision::Intercept => return FlowVerdict::Intercept,
        Decision::Pass => return FlowVerdict::Pass,
        Decision::Residual(residual) => residual,
    };
    let facts = Facts { destination: destination.into(), ..Facts::default() };
    match residual.decide(&facts) {
        Verdict::Intercept => FlowVerdict::Intercept,
        Verdict::Pass => FlowVerdict::Pass,
        Verdict::Needs(_) => FlowVerdict::Residual(residual.residual(&facts).to_string()),
    }
}

#[cfg(test)]
mod tests {
    use sidestream_ipc::FlowVerdict;

    use super::{Decision, of_flow};

    #[track_caller]
    fn check(residual: &str, destination: &str, expected: FlowVerdict) {
        let decision = Decision::Residual(residual.parse().unwrap());
        assert_eq!(of_flow(&decision, destination.parse().unwrap()), expected, "{residual}");
    }

    #[test]
    fn a_flow_is_decided_by_where_it_goes_and_else_by_the_name_of_the_host() {
        check("!port:22", "192.0.2.1:22", FlowVerdict::Pass);
        check("!port:22", "192.0.2.1:443", FlowVerdict::Intercept);
        check("net:10.0.0.0/8", "[::ffff:10.1.1.1]:1", FlowVerdict::Intercept);
        let left = || FlowVerdict::Residual("!host:*.test".to_owned());
        check("!port:22,!host:*.test", "192.0.2.1:443", left());
        check("!port:22,!host:*.test", "192.0.2.1:22", FlowVerdict::Pass);
    }

    #[test]
    fn what_is_decided_of_the_process_is_decided_of_the_flow() {
        let to = "192.0.2.1:443".parse().unwrap();
        assert_eq!(of_flow(&Decision::Intercept, to), FlowVerdict::Intercept);
        assert_eq!(of_flow(&Decision::Pass, to), FlowVerdict::Pass);
    }
}
