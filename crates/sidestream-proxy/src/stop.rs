//! Stopping a proxy: gracefully at first, then at once.

use tokio::sync::watch;

/// How urgently the proxy is to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Not at all.
    #[default]
    Run,
    /// What is under way may end.
    Gracefully,
    /// Now.
    AtOnce,
}

/// Tells a proxy to stop.
///
/// Dropping it lets the proxy run on.
#[derive(Debug)]
pub struct Stopper(watch::Sender<Urgency>);

/// Learns when to stop.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<Urgency>);

impl Stop {
    /// Makes both ends.
    pub fn new() -> (Stopper, Self) {
        let (sender, receiver) = watch::channel(Urgency::Run);
        (Stopper(sender), Self(receiver))
    }

    /// Waits until it is more urgent than it was.
    pub(crate) async fn beyond(&mut self, known: Urgency) -> Urgency {
        let urgency = self.0.wait_for(|urgency| *urgency > known).await.map(|urgency| *urgency);
        match urgency {
            Ok(urgency) => urgency,
            // The other end is gone, and with it all that could stop us.
            Err(_closed) => std::future::pending().await,
        }
    }
}

impl Stopper {
    /// Asks to stop: at the first call gracefully, at the second at once.
    pub fn stop(&self) {
        self.0.send_modify(|urgency| {
            *urgency = match urgency {
                Urgency::Run => Urgency::Gracefully,
                Urgency::Gracefully | Urgency::AtOnce => Urgency::AtOnce,
            };
        });
    }
}
