//! Which flows are shown.

use clap::Args;
use sidestream::filter::Expr;

use crate::sieve;

/// Which flows are shown as they are served.
#[derive(Clone, Debug, Default, Args)]
pub struct Selected {
    /// Show what this filter selects, such as "~d example.com & ~c 404", on the screen and in
    /// --json; --session records everything.
    #[arg(long, value_name = "EXPR", value_parser = sieve::parse)]
    pub filter: Option<Expr>,
}
