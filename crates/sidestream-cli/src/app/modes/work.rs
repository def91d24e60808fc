//! Serving what the modes take until it ends or is ended.

use std::future::poll_fn;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use sidestream::Handle;
use sidestream::capture::Control;
use sidestream::proxy::{ServeError, Served};
use sidestream::spec::Spec;
use tokio::sync::Notify;

use super::chosen::{Chosen, words};
use super::signals::{Asked, Signals};
use super::system_proxy;
use crate::print::Detail;
use crate::say::{self, say};

/// Proxies at work on what the modes take.
pub(super) struct Work {
    /// One for each driver.
    pub(super) handles: Vec<Handle>,
    /// How it is told which processes are chosen.
    pub(super) control: Option<Arc<dyn Control>>,
    /// The file that says so.
    pub(super) file: Option<PathBuf>,
    /// Gives the system's programs their former proxy back.
    pub(super) system_proxy: system_proxy::Told,
    /// How much is told to the user.
    pub(super) detail: Detail,
}

impl Work {
    /// Works until all has ended, at the first signal gracefully, at the second at once; a
    /// capture that ends by itself ends the rest. Returns whether none did; if one did, that has
    /// been told.
    pub(super) async fn run(mut self, mut signals: Signals) -> bool {
        let reload = self.reload_on_notice();
        let (mut stopping, mut as_asked) = (false, true);
        while !self.handles.is_empty() {
            let ended = tokio::select! {
                ended = ended(&mut self.handles) => Some(ended),
                asked = signals.next() => match asked {
                    Asked::End => None,
                    Asked::Reload if stopping => continue,
                    Asked::Reload => {
                        reload.notify_one();
                        continue;
                    }
                }
            };
            match ended {
                None => {}
                Some(Ok(_)) if stopping => continue,
                Some(broke) => {
                    as_asked = false;
                    // Told at once, as what is under way may take its time to end.
                    match broke {
                        Ok(_) => say("the capture ended by itself"),
                        Err(error) => say::error(&error.into()),
                    }
                    if stopping {
                        continue;
                    }
                }
            }
            stopping = true;
            self.stop();
        }
        as_asked
    }

    /// Asks all to end; the second time at once.
    fn stop(&mut self) {
        // Before nobody listens any more.
        system_proxy::restore(&mut self.system_proxy, self.detail);
        self.handles.iter().for_each(Handle::stop);
    }

    /// Reads the file again whenever it is notified: one reading after the other.
    fn reload_on_notice(&self) -> Arc<Notify> {
        let notice = Arc::new(Notify::new());
        if let (Some(file), Some(control)) = (self.file.clone(), self.control.clone()) {
            let (noticed, detail) = (Arc::clone(&notice), self.detail);
            tokio::spawn(async move {
                loop {
                    noticed.notified().await;
                    match reload(&file, &*control).await {
                        Ok(spec) if detail > Detail::Quiet => {
                            say(format_args!("now intercepting {}", words(&spec)));
                        }
                        Ok(_) => {}
                        Err(error) => say::error(&error.context("the old spec stays")),
                    }
                }
            });
        }
        notice
    }
}

/// Puts into force what the file says now.
async fn reload(file: &std::path::Path, control: &dyn Control) -> anyhow::Result<Spec> {
    let spec = Chosen::read(file)?.spec;
    control.set_spec(spec.clone()).await?;
    Ok(spec)
}

/// Waits for the end of one of them, which is then no longer among them.
async fn ended(handles: &mut Vec<Handle>) -> Result<Served, ServeError> {
    let (index, ended) = poll_fn(|cx| {
        let mut each = handles.iter_mut().enumerate();
        let found = each.find_map(|(index, handle)| match pin!(handle.ended()).poll(cx) {
            Poll::Ready(ended) => Some((index, ended)),
            Poll::Pending => None,
        });
        found.map_or(Poll::Pending, Poll::Ready)
    })
    .await;
    handles.swap_remove(index);
    ended
}
