//! The same programs with `--driver seccomp`, as where namespaces cannot be had.

use crate::harness::under_seccomp;
use crate::{curl, ends, git, go, java, node, python, raw, websocket, wget};

macro_rules! under {
    ($($module:ident: $($test:ident)+;)+) => {
        $($(
            #[test]
            fn $test() {
                under_seccomp($module::$test);
            }
        )+)+
    };
}

under! {
    curl:
        curl_http
        curl_https
        curl_https_to_an_address
        curl_uploads
        curl_uploads_in_chunks_after_continue
        curl_asks_for_heads
        curl_keeps_its_connection
        curl_speaks_ipv6
        curl_sees_that_a_server_refuses
        curl_is_not_lied_to_about_a_certificate;
    ends:
        the_exit_status_is_the_commands
        a_signal_that_ended_the_command_ends_us
        input_and_output_are_the_commands
        a_broken_pipe_is_the_commands
        a_stderr_that_is_gone_kills_nobody
        a_terminate_signal_is_passed_on
        nothing_is_left_of_a_proxy_that_was_killed;
    git:
        git_lists_and_clones;
    go:
        static_go;
    java:
        java_http_client;
    node:
        node_https
        node_fetch;
    python:
        python_urllib
        python_http_client
        python_requests;
    raw:
        dns_is_decoded
        udp_goes_both_ways
        what_is_not_understood_passes_as_it_is;
    websocket:
        python_websockets
        python_websockets_over_tls
        node_websocket_over_tls;
    wget:
        wget_http
        wget_https;
}
