//! What looks at exchanges on their way, and may hold, change, answer or end them.

mod files;
mod rules;

use std::sync::Arc;

use sidestream_capture::{BoxFuture, FlowInfo};
use sidestream_proto::hooks::{
    ConnectFate, Interest, MessageQuestion, MessageVerdict, Question, Verdict,
};

pub use rules::{RuleHook, RulesError};

/// Looks at the messages of exchanges on their way.
///
/// It is first asked what it wants to see ([`Interest`]), and then judges only that. A message
/// waits for as long as the judgment takes, and nothing else does.
pub trait Hook: Interest {
    /// Decides at once about a flow of TCP that is captured, before its server is dialled; it goes
    /// on by default.
    ///
    /// Those of clients that speak to a proxy are not asked about: where they lead shows in their
    /// requests.
    fn at_connect(&self, _flow: &FlowInfo) -> ConnectFate {
        ConnectFate::GoOn
    }

    /// Judges a message.
    ///
    /// The future is dropped when the flow ends meanwhile.
    fn judge(self: Arc<Self>, question: Question) -> BoxFuture<'static, Verdict>;

    /// Judges a message of a WebSocket. It goes on as it came by default.
    ///
    /// Those of one side are judged one after the other. The future is dropped when the flow ends
    /// meanwhile.
    fn judge_message(
        self: Arc<Self>,
        _question: MessageQuestion,
    ) -> BoxFuture<'static, MessageVerdict> {
        Box::pin(async { MessageVerdict::Pass })
    }
}
