//! The checks, one function each; a check that fails panics with what went wrong.
//!
//! [`suite!`](crate::suite) makes tests of all of them. Each takes a ground of its own.

mod family;
mod life;
mod load;
mod spec;
mod tcp;
mod udp;
mod who;

pub use family::{captures_ipv4_over_ipv6_sockets, captures_ipv6};
pub use life::{
    ends_when_it_is_dropped, leaves_the_network_working_when_killed,
    survives_a_client_that_leaves_early,
};
pub use load::{
    bounds_what_waits_for_a_slow_reader, carries_a_large_transfer_unchanged,
    carries_many_flows_at_once,
};
pub use spec::{
    loses_nothing_while_specs_change, never_captures_the_proxy, takes_a_new_spec_while_running,
};
pub use tcp::{
    carries_a_reset_each_way, carries_half_close_each_way, relays_tcp_both_ways,
    shows_a_refusal_as_its_capabilities_say,
};
pub use udp::{keeps_udp_datagrams_whole, keeps_udp_servers_apart};
pub use who::{knows_a_process_that_has_gone, knows_the_process, tells_the_original_five_tuple};
