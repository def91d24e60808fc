//! A program and its server, and what they are to find whatever happens.

use std::net::SocketAddr;
use std::process::Command;

use sidestream_ipc::{Message, NoticeKind, Refused};

use crate::actor::Actor;
use crate::ground::{HELPER, Machine, eventually};
use crate::proxy::{CAPTURED, Helper, Proxy};
use crate::server::{self, DIRECT};

/// A program, its server, and what there was before.
pub(crate) struct Scene {
    pub(crate) client: Actor,
    pub(crate) server: SocketAddr,
    before: Machine,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::on("127.0.0.1")
    }

    /// The same with the server on another address of this machine.
    pub(crate) fn on(ip: &str) -> Self {
        let client = Actor::client();
        let server = server::start(ip);
        Self { client, server, before: Machine::look() }
    }

    /// Captures the program.
    pub(crate) fn capture(&self) -> Proxy {
        Proxy::start(&self.spec())
    }

    pub(crate) fn spec(&self) -> String {
        format!("pid:{}", self.client.pid())
    }

    #[track_caller]
    pub(crate) fn assert_captured(&mut self) {
        assert_eq!(self.client.tcp(self.server), format!("{CAPTURED} by {}", self.server));
    }

    #[track_caller]
    pub(crate) fn assert_direct(&mut self) {
        assert_eq!(self.client.tcp(self.server), format!("{DIRECT} by {}", self.server));
    }

    /// Waits until the program is captured.
    #[track_caller]
    pub(crate) fn await_capture(&mut self) {
        let captured = format!("{CAPTURED} by {}", self.server);
        eventually("the capture", || self.client.tcp(self.server) == captured);
    }

    /// Checks that the program connects directly and that nothing is left of a helper.
    #[track_caller]
    pub(crate) fn assert_untouched(&mut self) {
        self.assert_direct();
        let as_before = || Machine::look().without(&self.before).has_nothing_of_a_network();
        eventually("the machine as it was", as_before);
    }

    /// Asks for a capture that cannot be, and returns what the user is told.
    #[track_caller]
    pub(crate) fn refusal(&mut self) -> String {
        let (mut helper, mut line) = Helper::start(&[]);
        let answer = line.start(&self.spec(), false);
        let Message::Refused(Refused { what, remedy }) = answer else { panic!("{answer:?}") };
        let (status, words) = helper.end();
        assert!(!status.success());
        assert_eq!(words, format!("sidestream-helper: {what}\n"));
        self.assert_untouched();
        format!("{what}; {}", remedy.unwrap_or_default())
    }
}

/// Returns what `sidestream-helper check` finds amiss.
pub(crate) fn checked() -> String {
    let output = Command::new(HELPER).arg("check").output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let amiss = lines.lines().filter(|line| !line.ends_with(": there"));
    amiss.filter(|line| !line.ends_with(": unsupported")).collect::<Vec<_>>().join("\n")
}

/// Waits for notices of a kind; returns how many things of that kind have happened and how many
/// notices have told of them.
#[track_caller]
pub(crate) fn noticed(proxy: &Proxy, kind: NoticeKind) -> (u64, usize) {
    let mut found = (0, 0);
    eventually("the notice", || {
        let told = proxy.told();
        let of_kind = told.notices.iter().filter(|notice| notice.kind == kind);
        found = (of_kind.clone().map(|notice| notice.count).sum(), of_kind.count());
        found.1 > 0
    });
    found
}

/// Waits for a line of the helper's log.
#[track_caller]
pub(crate) fn logged(proxy: &Proxy, part: &str) -> String {
    let mut line = None;
    eventually(part, || {
        line = proxy.told().log.iter().find(|line| line.contains(part)).cloned();
        line.is_some()
    });
    line.unwrap()
}
