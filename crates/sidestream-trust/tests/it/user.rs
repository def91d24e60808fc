//! What the user set in the environment.

use insta::assert_snapshot;

use crate::{Machine, machine::show, plans::EMPTY_JKS};

#[test]
fn what_the_user_set_keeps_its_value_and_is_covered() {
    let machine = Machine::new()
        .bundle("/etc/ssl/certs/ca-certificates.crt")
        .bundle("/home/ada/corporate.pem")
        .bundle("/project/extra.pem")
        .bundle("/home/ada/roots/12345678.0")
        .file("/home/ada/store.jks", EMPTY_JKS)
        .env("NODE_EXTRA_CA_CERTS", "extra.pem")
        .env("CURL_CA_BUNDLE", "/home/ada/corporate.pem")
        .env("SSL_CERT_DIR", "/home/ada/roots:/nowhere")
        .env("MAVEN_OPTS", "-Xmx1g -Djavax.net.ssl.trustStore=/home/ada/store.jks");
    assert_snapshot!(show(&machine.plan()));
}

#[test]
fn a_file_that_is_missing_stays_missing_save_where_it_was_an_addition() {
    let machine = Machine::new()
        .bundle("/etc/ssl/certs/ca-certificates.crt")
        .env("NODE_EXTRA_CA_CERTS", "/nowhere.pem")
        .env("REQUESTS_CA_BUNDLE", "/nowhere.pem")
        .env("SSL_CERT_FILE", "");
    let plan = machine.plan();
    let value = |name: &str| {
        plan.environment.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
    };
    assert_eq!(value("NODE_EXTRA_CA_CERTS"), Some("/run/us/root.pem".into()));
    assert_eq!(value("REQUESTS_CA_BUNDLE"), None);
    assert_eq!(value("SSL_CERT_FILE"), Some("/etc/ssl/certs/ca-certificates.crt".into()));
    let notes: Vec<String> = plan.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "NODE_EXTRA_CA_CERTS names /nowhere.pem, which is not there",
            "REQUESTS_CA_BUNDLE names /nowhere.pem, which is not there"
        ]
    );
}

#[test]
fn java_options_are_never_set() {
    let plan = Machine::new().plan();
    assert!(plan.environment.iter().all(|(name, _)| !name.to_str().unwrap().contains("JAVA")));
}
