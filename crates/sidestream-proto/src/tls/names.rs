//! What the numbers in a ClientHello are called at IANA.

use rustls::{CipherSuite, NamedGroup};

/// Extensions, [as registered](https://www.iana.org/assignments/tls-extensiontype-values).
const EXTENSIONS: [(u16, &str); 36] = [
    (0, "server_name"),
    (1, "max_fragment_length"),
    (5, "status_request"),
    (10, "supported_groups"),
    (11, "ec_point_formats"),
    (13, "signature_algorithms"),
    (14, "use_srtp"),
    (15, "heartbeat"),
    (16, "application_layer_protocol_negotiation"),
    (17, "status_request_v2"),
    (18, "signed_certificate_timestamp"),
    (19, "client_certificate_type"),
    (20, "server_certificate_type"),
    (21, "padding"),
    (22, "encrypt_then_mac"),
    (23, "extended_main_secret"),
    (24, "token_binding"),
    (27, "compress_certificate"),
    (28, "record_size_limit"),
    (34, "delegated_credential"),
    (35, "session_ticket"),
    (41, "pre_shared_key"),
    (42, "early_data"),
    (43, "supported_versions"),
    (44, "cookie"),
    (45, "psk_key_exchange_modes"),
    (47, "certificate_authorities"),
    (48, "oid_filters"),
    (49, "post_handshake_auth"),
    (50, "signature_algorithms_cert"),
    (51, "key_share"),
    (57, "quic_transport_parameters"),
    (13172, "next_protocol_negotiation"),
    (17513, "application_settings"),
    (65037, "encrypted_client_hello"),
    (65281, "renegotiation_info"),
];

/// Groups that the library has no name for, or one of its own.
const GROUPS: [(u16, &str); 4] =
    [(4587, "SecP256r1MLKEM768"), (4588, "X25519MLKEM768"), (29, "x25519"), (30, "x448")];

/// Signature algorithms, [as registered](https://www.iana.org/assignments/tls-parameters#tls-signaturescheme).
const SIGNATURES: [(u16, &str); 18] = [
    (0x0201, "rsa_pkcs1_sha1"),
    (0x0203, "ecdsa_sha1"),
    (0x0401, "rsa_pkcs1_sha256"),
    (0x0403, "ecdsa_secp256r1_sha256"),
    (0x0501, "rsa_pkcs1_sha384"),
    (0x0503, "ecdsa_secp384r1_sha384"),
    (0x0601, "rsa_pkcs1_sha512"),
    (0x0603, "ecdsa_secp521r1_sha512"),
    (0x0804, "rsa_pss_rsae_sha256"),
    (0x0805, "rsa_pss_rsae_sha384"),
    (0x0806, "rsa_pss_rsae_sha512"),
    (0x0807, "ed25519"),
    (0x0808, "ed448"),
    (0x0809, "rsa_pss_pss_sha256"),
    (0x080a, "rsa_pss_pss_sha384"),
    (0x080b, "rsa_pss_pss_sha512"),
    (0x0904, "mldsa44"),
    (0x0905, "mldsa65"),
];

pub(crate) fn cipher(number: u16) -> String {
    // The library gives the suites of TLS 1.3 a prefix of its own.
    let name = CipherSuite::from(number).as_str().map(|name| name.replacen("TLS13_", "TLS_", 1));
    name.unwrap_or_else(|| digits(number))
}

pub(crate) fn extension(number: u16) -> String {
    known(&EXTENSIONS, number).unwrap_or_else(|| digits(number))
}

pub(crate) fn group(number: u16) -> String {
    let library = || NamedGroup::from(number).as_str().map(str::to_owned);
    known(&GROUPS, number).or_else(library).unwrap_or_else(|| digits(number))
}

pub(crate) fn signature(number: u16) -> String {
    known(&SIGNATURES, number).unwrap_or_else(|| digits(number))
}

pub(crate) fn version(number: u16) -> String {
    match number {
        0x0300 => "SSL 3.0".into(),
        0x0301 => "TLS 1.0".into(),
        0x0302 => "TLS 1.1".into(),
        0x0303 => "TLS 1.2".into(),
        0x0304 => "TLS 1.3".into(),
        number => digits(number),
    }
}

fn known(table: &[(u16, &str)], number: u16) -> Option<String> {
    let entry = table.iter().find(|(known, _)| *known == number);
    entry.map(|(_, name)| (*name).to_owned())
}

fn digits(number: u16) -> String {
    format!("0x{number:04x}")
}
