//! One test per check.

use sidestream_capture::BoxFuture;

use crate::{Config, Ground, IntoGround};

/// Makes one test of each check of the suite, for the driver on that ground.
///
/// The expression is evaluated anew in each test, on a tokio runtime; it may await. It gives a
/// [`Ground`], or a `Result` whose error is a [`Skip`](crate::Skip) where this machine cannot
/// have one.
///
/// After a semicolon, the names of checks make tests of these only: for a driver whose mechanism
/// can never do the others, such that nothing is skipped for ever.
///
/// ```
/// mod conforms {
///     sidestream_capture_test::suite!(sidestream_capture_test::fake::FakeGround::new());
/// }
/// ```
#[macro_export]
macro_rules! suite {
    ($ground:expr $(,)?) => {
        $crate::suite! { @each ($ground)
            relays_tcp_both_ways
            carries_half_close_each_way
            carries_a_reset_each_way
            shows_a_refusal_as_its_capabilities_say
            carries_a_large_transfer_unchanged
            carries_many_flows_at_once
            bounds_what_waits_for_a_slow_reader
            keeps_udp_datagrams_whole
            keeps_udp_servers_apart
            captures_ipv6
            tells_the_original_five_tuple
            knows_the_process
            takes_a_new_spec_while_running
            survives_a_client_that_leaves_early
            ends_when_it_is_dropped
        }
    };
    ($ground:expr; $($check:ident)+) => {
        $crate::suite! { @each ($ground) $($check)+ }
    };
    (@each ($ground:expr) $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $crate::run(
                    stringify!($check),
                    async { $ground },
                    |ground, config| ::std::boxed::Box::pin($crate::checks::$check(ground, config)),
                );
            }
        )*
    };
}

/// Runs one check on a runtime of its own; [`suite!`] expands to it.
#[doc(hidden)]
pub fn run<G: IntoGround>(
    name: &str,
    ground: impl Future<Output = G>,
    check: impl for<'a> FnOnce(&'a mut dyn Ground, &'a Config) -> BoxFuture<'a, ()>,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the machine has threads for a runtime");
    runtime.block_on(async {
        match ground.await.into_ground() {
            Ok(mut ground) => check(&mut ground, &Config::from_env()).await,
            Err(skip) => sidestream_testkit::skip(name, &skip.0),
        }
    });
}
