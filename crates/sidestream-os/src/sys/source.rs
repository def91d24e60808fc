//! What notices are heard from, by system.

use std::task::{Context, Poll};

use sidestream_linux::LocalNotices;
use tokio::sync::mpsc;

use crate::Notice;

/// Where notices come from.
#[derive(Debug)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "no helper is heard"))]
pub(crate) enum Source {
    Command(sidestream_linux::Notices),
    Helper(mpsc::UnboundedReceiver<Notice>),
    Local(LocalNotices),
}

impl Source {
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Notice>> {
        match self {
            Self::Command(notices) => notices.poll_notice(cx).map(|one| one.map(Notice::Command)),
            Self::Helper(notices) => notices.poll_recv(cx),
            Self::Local(notices) => notices.poll_notice(cx).map(|one| one.map(Notice::Local)),
        }
    }
}
