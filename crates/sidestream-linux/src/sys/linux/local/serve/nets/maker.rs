//! A thread that makes what is held in other network namespaces and looks after it.
//!
//! The kernel may take milliseconds for a device or a list of routes, while somebody else changes
//! the network; flows do not wait for that.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc as plain;
use std::thread;

use sidestream_process::Sockets;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, LocalSet};
use tracing::debug;

use super::super::super::device::Device;
use super::enter::Home;
use super::held::{Held, Made, Shape};

/// What the thread is asked for, by the number of a network namespace.
#[derive(Debug)]
pub(super) enum Job {
    /// Make what has to be held there.
    Make { net: u32, index: u32, place: Arc<OwnedFd> },
    /// Let go of it, and end the connections there of those processes: nobody else is left.
    Leave { net: u32, place: Arc<OwnedFd>, of: Vec<u32> },
}

/// What it answers.
#[derive(Debug)]
pub(crate) enum News {
    /// This was made, or could not be.
    Made { net: u32, made: io::Result<Made> },
    /// The network has changed.
    Changed { net: u32, shape: Shape },
}

/// Starts the thread, which ends when nobody asks it any more.
pub(super) fn start() -> io::Result<(mpsc::UnboundedSender<Job>, mpsc::UnboundedReceiver<News>)> {
    let (jobs, asked) = mpsc::unbounded_channel();
    let (tells, news) = mpsc::unbounded_channel();
    let (removes, removed) = plain::channel::<Device>();
    thread::Builder::new().name("net-maker".to_owned()).spawn(move || {
        if let Err(error) = run(asked, tells, removes) {
            tracing::warn!(%error, "other network namespaces are not entered");
        }
    })?;
    thread::Builder::new().name("net-remover".to_owned()).spawn(move || {
        removed.into_iter().for_each(drop);
    })?;
    Ok((jobs, news))
}

fn run(
    mut jobs: mpsc::UnboundedReceiver<Job>,
    tells: mpsc::UnboundedSender<News>,
    removes: plain::Sender<Device>,
) -> io::Result<()> {
    let home = Rc::new(Home::open()?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async {
        let mut held: HashMap<u32, JoinHandle<()>> = HashMap::new();
        while let Some(job) = jobs.recv().await {
            match job {
                Job::Make { net, index, place } => {
                    let place = Place { home: Rc::clone(&home), place };
                    let hold = hold(place, net, index, tells.clone(), removes.clone());
                    held.insert(net, tokio::task::spawn_local(hold));
                }
                Job::Leave { net, place, of } => {
                    if let Some(task) = held.remove(&net) {
                        task.abort();
                    }
                    let place = Place { home: Rc::clone(&home), place };
                    if !of.is_empty()
                        && let Err(error) = place.within(|| end_connections(&of))
                    {
                        debug!(net, %error, "connections of an ended network stay open");
                    }
                }
            }
        }
    });
    Ok(())
}

/// Ends the connections of some processes in the network namespace of the calling thread.
fn end_connections(of: &[u32]) -> io::Result<()> {
    let ended = Sockets::open()?.reset(of, |_| true).map_err(io::Error::other)?;
    debug!(sockets = ended.sockets, "connections ended with their network");
    Ok(())
}

/// A network namespace that is entered again and again.
struct Place {
    home: Rc<Home>,
    place: Arc<OwnedFd>,
}

impl Place {
    fn within<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.home.within(self.place.as_fd(), act)?
    }
}

/// Makes what has to be held in one namespace, and follows its changes until it is left.
async fn hold(
    place: Place,
    net: u32,
    index: u32,
    tells: mpsc::UnboundedSender<News>,
    removes: plain::Sender<Device>,
) {
    let (mut held, made) = match place.within(|| Held::make(index, removes)) {
        Ok(made) => made,
        Err(error) => return drop(tells.send(News::Made { net, made: Err(error) })),
    };
    let mut told = tells.send(News::Made { net, made: Ok(made) });
    while told.is_ok() {
        let changed = held.routes.changed().await;
        told = match changed.and_then(|()| place.within(|| held.look())) {
            Ok(shape) => tells.send(News::Changed { net, shape }),
            Err(error) => return drop(tells.send(News::Made { net, made: Err(error) })),
        };
    }
}
