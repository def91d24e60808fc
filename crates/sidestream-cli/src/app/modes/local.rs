//! Mode `local`: chosen processes of the whole machine.

use std::sync::Arc;

use sidestream::Builder;
use sidestream::capture::{Capabilities, Capture, Dial};
use sidestream::os::{self, Notices, Options};
use sidestream::proxy::Passing;

use super::chosen::{Chosen, words};
use super::decrypt;
use super::work::Work;
use crate::print::Detail;
use crate::root::Root;
use crate::say::say;
use crate::serve::tell;
use crate::settings::Settings;
use crate::through::Through;

/// The capture of chosen processes, under way.
pub(super) struct Local {
    chosen: Chosen,
    capture: Box<dyn Capture>,
    dial: Arc<dyn Dial>,
    notices: Notices,
}

impl Local {
    /// Starts to capture. Nothing is served yet.
    pub(super) async fn start(chosen: Chosen, settings: &Settings) -> anyhow::Result<Self> {
        let mut options = Options::default();
        options.reset_existing = settings.reset_existing;
        let proxy = os::start_os_proxy(&chosen.spec, &options).await?;
        let (capture, dial, notices) = proxy.into_parts();
        Ok(Self { chosen, capture, dial, notices })
    }

    /// Returns whether what is chosen is read from a file, and may be read again.
    pub(super) const fn can_reload(&self) -> bool {
        self.chosen.file.is_some()
    }

    /// Serves what is captured, and tells of it.
    pub(super) fn serve(
        self,
        builder: Builder,
        root: &Root,
        through: &Through,
        settings: &Settings,
        work: &mut Work,
    ) -> anyhow::Result<()> {
        let Self { chosen, capture, dial, notices } = self;
        let decrypt = decrypt::is_trusted(root, settings);
        let passing = Passing::considerate().with_decrypt(decrypt);
        let dial = through.around_local(dial);
        let sidestream = builder.dial(dial).passing(passing).build()?;
        let lacks = lacks(capture.capabilities());
        work.control = capture.control();
        work.handles.push(sidestream.serve(capture));
        if settings.detail > Detail::Quiet {
            say(format_args!("intercepting {} on this machine{lacks}", words(&chosen.spec)));
            if !decrypt {
                decrypt::tell(root);
            }
        }
        work.file = chosen.file;
        tokio::spawn(tell(notices, settings.detail));
        Ok(())
    }
}

/// Words what cannot be had.
fn lacks(capabilities: Capabilities) -> String {
    let has = [(capabilities.ipv6, "IPv6"), (capabilities.udp, "UDP")];
    let lacking: Vec<_> = has.iter().filter(|(has, _)| !has).map(|(_, what)| *what).collect();
    match lacking.as_slice() {
        [] => String::new(),
        lacking => format!(", without {}", lacking.join(" and ")),
    }
}
