//! What drivers of packets dropped, told at the end.

use crate::print::Detail;
use crate::say::say;

/// How often something was dropped, and what.
type Loss = (u64, &'static str);

/// Lists what somebody dropped.
type List = Box<dyn Fn() -> Vec<Loss>>;

/// Who may have dropped something.
#[derive(Default)]
pub(super) struct Losses(Vec<(String, List)>);

impl Losses {
    /// Adds somebody.
    pub(super) fn add(&mut self, who: &str, losses: impl Fn() -> Vec<Loss> + 'static) {
        self.0.push((who.to_owned(), Box::new(losses)));
    }

    /// Tells what each has dropped, if anything.
    pub(super) fn tell(&self, detail: Detail) {
        for (who, losses) in self.0.iter().filter(|_| detail > Detail::Quiet) {
            let losses: Vec<_> =
                losses().into_iter().map(|(count, what)| format!("{count} {what}")).collect();
            if !losses.is_empty() {
                say(format_args!("{who} dropped {}", losses.join(", ")));
            }
        }
    }
}
