//! One test per check.

use sidestream_capture::BoxFuture;

use crate::{Config, Ground, IntoGround, Skip};

/// Makes one test of each check of the suite, for the driver on that ground.
///
/// The expression is evaluated anew in each test, on a tokio runtime; it may await. It gives a
/// [`Ground`], or a `Result` whose error is a [`Skip`] where this machine cannot
/// have one.
///
/// After a semicolon, the names of checks make tests of these only: for a driver whose mechanism
/// can never do the others, such that nothing is skipped for ever.
///
/// What the test's thread must do before the runtime's threads start, such as moving to a network
/// namespace which they then share, stands first: `suite!(before enter(); ground)`. It gives a
/// `Result<(), Skip>`.
///
/// ```
/// mod conforms {
///     sidestream_capture_test::suite!(sidestream_capture_test::fake::FakeGround::new());
/// }
/// ```
#[macro_export]
macro_rules! suite {
    (before $before:expr; $ground:expr $(,)?) => {
        $crate::suite! { @each ($before) ($ground)
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
            captures_ipv4_over_ipv6_sockets
            tells_the_original_five_tuple
            knows_the_process
            knows_a_process_that_has_gone
            takes_a_new_spec_while_running
            loses_nothing_while_specs_change
            never_captures_the_proxy
            survives_a_client_that_leaves_early
            ends_when_it_is_dropped
            leaves_the_network_working_when_killed
        }
    };
    (@each ($before:expr) ($ground:expr) $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $crate::run(
                    stringify!($check),
                    || $before,
                    async { $ground },
                    |ground, config| ::std::boxed::Box::pin($crate::checks::$check(ground, config)),
                );
            }
        )*
    };
    ($ground:expr $(,)?) => {
        $crate::suite! { before ::std::result::Result::Ok(()); $ground }
    };
    (before $before:expr; $ground:expr; $($check:ident)+) => {
        $crate::suite! { @each ($before) ($ground) $($check)+ }
    };
    ($ground:expr; $($check:ident)+) => {
        $crate::suite! { @each (::std::result::Result::Ok(())) ($ground) $($check)+ }
    };
}

/// Runs one check on a runtime of its own; [`suite!`] expands to it.
#[doc(hidden)]
pub fn run<G: IntoGround>(
    name: &str,
    before: impl FnOnce() -> Result<(), Skip>,
    ground: impl Future<Output = G>,
    check: impl for<'a> FnOnce(&'a mut dyn Ground, &'a Config) -> BoxFuture<'a, ()>,
) {
    if let Err(skip) = before() {
        return sidestream_testkit::skip(name, &skip.0);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("the machine has threads for a runtime");
    runtime.block_on(async {
        match ground.await.into_ground() {
            Ok(mut ground) => {
                let mut config = Config::from_env();
                ground.adjust(&mut config);
                check(&mut ground, &config).await;
            }
            Err(skip) => sidestream_testkit::skip(name, &skip.0),
        }
    });
}
