//! When servers are connected with, and for how many clients.

use std::path::Path;

use sidestream_testkit::Origin;

use crate::harness::{ANSWER, Bench, Ran, http, program};

/// Runs a script of the shell, with what the user sets.
fn run(bench: &Bench, options: &[&str], script: &str) -> Ran {
    let mut command = bench.sidestream(["run", "--json"]);
    command.arg(bench.path("flows.json")).args(options).args(["--", "/bin/sh", "-c", script]);
    bench.finish(&mut command)
}

fn connections(origin: &Origin) -> usize {
    origin.received().len()
}

/// How many processes ask for the same, one after the other.
const ASKED: usize = 10;

fn ask(curl: &Path, url: &str) -> String {
    let ask = format!("{} -sS --max-time 60 {url}", curl.display());
    vec![ask; ASKED].join(" && ")
}

/// Counts the lines that tell of a connection that another flow had left.
fn told_of_sharing(ran: &Ran) -> usize {
    let is_told = |line: &&serde_json::Value| {
        let altered = line["alterations"].as_array().map(Vec::as_slice).unwrap_or_default();
        altered.iter().any(|altered| altered["what"] == "connection_shared")
    };
    ran.lines.iter().filter(is_told).count()
}

/// Checks that connections were shared: each that a busy machine did not see to be left before the
/// next process came is one more.
#[track_caller]
fn check_shared(ran: &Ran, origin: &Origin) {
    ran.check_success(&ANSWER.repeat(ASKED));
    assert!(connections(origin) < ASKED, "{:#?}", ran.lines);
    assert_eq!(told_of_sharing(ran), ASKED - connections(origin), "{:#?}", ran.lines);
    for line in &ran.lines {
        assert_eq!(line["response"]["status"], 200, "{line:#}");
    }
}

#[test]
fn each_client_has_a_connection_of_its_own() {
    let Some(curl) = program("each_client_has_a_connection_of_its_own", "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let ran = run(&bench, &[], &ask(&curl, &url));
    ran.check_success(&ANSWER.repeat(ASKED));
    assert_eq!((connections(&origin), told_of_sharing(&ran)), (ASKED, 0));
}

#[test]
fn clients_share_a_connection_where_that_is_asked_for() {
    let test = "clients_share_a_connection_where_that_is_asked_for";
    let Some(curl) = program(test, "curl") else { return };
    let (bench, origin) = (Bench::new(), http());
    let url = format!("http://127.0.0.1:{}/", origin.port());
    check_shared(&run(&bench, &["--share-upstream"], &ask(&curl, &url)), &origin);
}

#[test]
fn clients_share_a_connection_with_tls_where_that_is_asked_for() {
    let test = "clients_share_a_connection_with_tls_where_that_is_asked_for";
    let Some(curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let url = format!("https://localhost:{}/", origin.port());
    let ran = run(&bench, &["--share-upstream"], &ask(&curl, &url));
    check_shared(&ran, &origin);
    for line in &ran.lines {
        assert_eq!(line["tls"]["sni"], "localhost", "{line:#}");
    }
}

#[test]
fn clients_that_offer_other_tls_do_not_share() {
    let test = "clients_that_offer_other_tls_do_not_share";
    let Some(curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    let origin = bench.https();
    let ask = format!("{} -sS --max-time 60 https://localhost:{}/", curl.display(), origin.port());
    let ran = run(&bench, &["--share-upstream"], &format!("{ask} --tls-max 1.2 && {ask}"));
    ran.check_success(&ANSWER.repeat(2));
    assert_eq!((connections(&origin), told_of_sharing(&ran)), (2, 0), "{:#?}", ran.lines);
}

#[test]
fn a_connection_that_its_server_has_closed_fails_nobody() {
    let test = "a_connection_that_its_server_has_closed_fails_nobody";
    let Some(curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    // It says that it goes on, and does not.
    let origin = Origin::http(|request, wire| {
        crate::harness::answer(request, wire)?;
        wire.close()
    });
    let url = format!("http://127.0.0.1:{}/", origin.port());
    let ran = run(&bench, &["--share-upstream"], &ask(&curl, &url));
    ran.check_success(&ANSWER.repeat(ASKED));
    assert_eq!(connections(&origin), ASKED);
}

#[test]
fn requests_that_are_answered_here_need_no_server() {
    let test = "requests_that_are_answered_here_need_no_server";
    let Some(curl) = program(test, "curl") else { return };
    let bench = Bench::new();
    // Nobody listens there, nor will: no test takes such a port.
    let nobody = "127.99.99.99:9";
    let file = bench.write("here.txt", "from here\n");
    let rule = format!("|/mock|{}", file.display());
    let ask = format!("{} -sS --max-time 60 -w '%{{http_code}}\\n'", curl.display());
    let script = format!(
        "{ask} http://{nobody}/mock && {ask} https://{nobody}/mock && \
         {ask} http://{nobody}/other | tail -n 1"
    );
    let options = ["--connection-strategy", "lazy", "--upstream-cert=false", "--map-local", &rule];
    let ran = run(&bench, &options, &script);
    ran.check_success("from here\n200\nfrom here\n200\n502\n");

    // By default a client is answered as its server answers.
    let ran = run(&bench, &["--map-local", &rule], &format!("{ask} http://{nobody}/mock"));
    assert!(!ran.output.status.success() && ran.stdout == "000\n", "{} {}", ran.stdout, ran.stderr);
}

#[test]
fn lazy_servers_are_reached_by_what_speaks_tls_or_waits_to_be_spoken_to() {
    let test = "lazy_servers_are_reached_by_what_speaks_tls_or_waits_to_be_spoken_to";
    let (Some(curl), Some(python)) = (program(test, "curl"), program(test, "python3")) else {
        return;
    };
    let bench = Bench::new();
    let (secure, greeter) =
        (bench.https(), Origin::tcp(|wire| std::io::Write::write_all(wire, b"220 hello\r\n")));
    let smtp = "import socket,sys; print(socket.create_connection(('127.0.0.1', int(sys.argv[1])))\
                .makefile().readline().strip())";
    let script = format!(
        "{0} -sS --max-time 60 https://localhost:{1}/ && {2} -c \"{smtp}\" {3}",
        curl.display(),
        secure.port(),
        python.display(),
        greeter.port(),
    );
    for options in [&["--upstream-cert=false"][..], &[]] {
        let options = [options, &["--connection-strategy", "lazy"]].concat();
        run(&bench, &options, &script).check_success(&format!("{ANSWER}220 hello\n"));
    }
    assert_eq!((connections(&secure), connections(&greeter)), (2, 2));
}
