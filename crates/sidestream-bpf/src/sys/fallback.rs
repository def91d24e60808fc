//! Systems without such hooks.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use crate::{
    Counters, Event, Finding, Items, Knock, LoadError, LoadOptions, Need, Origin, Ports,
    RouteEntry, Rules, Slot, Verdicts,
};

/// The loaded hooks.
#[derive(Debug)]
pub struct Hooks(Infallible);

impl Hooks {
    /// Loads and attaches the hooks.
    ///
    /// # Errors
    ///
    /// Always [`LoadError::Unsupported`] on this system.
    pub fn load(_options: &LoadOptions) -> Result<Self, LoadError> {
        Err(LoadError::Unsupported)
    }
}

/// Gives each method of the hooks, which nobody can call, as there are none.
macro_rules! none {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $kind:ty),*) -> $result:ty;)*) => {
        impl Hooks {
            $($(#[$doc])*
            ///
            /// # Errors
            ///
            /// There are no hooks on this system.
            pub fn $name(&self, $(_: $kind),*) -> io::Result<$result> {
                match self.0 {}
            })*
        }
    };
}

none! {
    /// Says that the proxy lives.
    fn beat() -> ();
    /// Waits for a process that says it is ours.
    fn expect_knock(knock: Knock) -> ();
    /// Forgets the verdicts on a process.
    fn forget_process(pid: u32) -> ();
    /// Gives the verdicts on a process.
    fn process(pid: u32) -> Option<Verdicts>;
    /// Gives the process that knocked.
    fn knocked() -> Option<u32>;
    /// Gives the cookie of the calling thread's network namespace.
    fn net_cookie() -> u64;
    /// Gives what a slot stands for.
    fn origin(slot: Slot) -> Option<Origin>;
    /// Ends the capture in a network namespace.
    fn remove_net(cookie: u64) -> ();
    /// Sets by what is decided about a process that runs another program.
    fn set_items(epoch: u32, items: Option<&Items>) -> ();
    /// Begins the capture in a network namespace.
    fn set_net(cookie: u64, ports: Ports) -> ();
    /// Sets the verdicts on a process.
    fn set_process(pid: u32, started_ns: u64, uid: u32, verdicts: Verdicts, epoch: u32) -> ();
    /// Replaces the routes.
    fn set_routes(net: u32, routes: &[RouteEntry]) -> ();
    /// Sets a set of rules.
    fn set_rules(index: u16, rules: &Rules) -> ();
    /// Forgets connections that nobody accepted.
    fn sweep(older_than: Duration) -> usize;
}

impl Hooks {
    /// Gives the counters.
    pub fn counters(&self) -> Counters {
        match self.0 {}
    }

    /// Gives how many connections have come to the listeners of a family until now.
    pub fn diverted(&self, _is_v6: bool) -> u64 {
        match self.0 {}
    }

    /// Notes that none of the first `count` connections waits to be accepted.
    pub fn none_waits(&self, _is_v6: bool, _count: u64) {
        match self.0 {}
    }

    /// Leaves all connections alone.
    pub fn rest(&self) {
        match self.0 {}
    }

    /// Begins a new epoch.
    pub fn set_epoch(&self, _epoch: u32) {
        match self.0 {}
    }

    /// Takes the events; `None` if they were taken before.
    pub fn events(&mut self) -> Option<Events> {
        match self.0 {}
    }
}

/// What the hooks tell.
#[derive(Debug)]
pub struct Events(Infallible);

impl Events {
    /// Takes the next event that is there.
    #[expect(clippy::should_implement_trait, reason = "more may come after `None`")]
    pub fn next(&mut self) -> Option<Event> {
        match self.0 {}
    }
}

/// Tries everything that the hooks need.
pub fn probe() -> Vec<Finding> {
    let outcome = Err(io::Error::new(io::ErrorKind::Unsupported, "not on this system"));
    vec![Finding { need: Need::Kernel, outcome, remedy: Some("run it on Linux") }]
}
