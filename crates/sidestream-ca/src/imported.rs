//! A root that was made elsewhere: whether it can issue, and how it is named.

use std::{collections::HashSet, time::Duration};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, DnValue, Issuer, KeyIdMethod,
    string::{BmpString, Ia5String, PrintableString, TeletexString, UniversalString},
};
use x509_parser::{
    asn1_rs::Tag,
    certificate::X509Certificate,
    extensions::ParsedExtension,
    prelude::FromDer as _,
    x509::{AttributeTypeAndValue, X509Name},
};

use crate::{error::ImportError, key::Key};

/// What is read from a root once.
pub(crate) struct Root {
    pub(crate) identifier: Option<Vec<u8>>,
    pub(crate) name: String,
    pub(crate) validity: (Duration, Duration),
    pub(crate) signs_crls: bool,
}

impl Root {
    /// Refuses what may not issue leaves.
    pub(crate) fn check(root: &X509Certificate<'_>) -> Result<Self, ImportError> {
        let malformed = |error: x509_parser::error::X509Error| ImportError::Certificate {
            reason: error.to_string(),
        };
        let usage = root.key_usage().map_err(malformed)?.map(|usage| usage.value);
        if !root.is_ca() || !usage.is_none_or(|usage| usage.key_cert_sign()) {
            return Err(ImportError::Authority);
        }
        let seconds = |at: i64| Duration::from_secs(u64::try_from(at).unwrap_or(0));
        let validity = root.validity();
        Ok(Self {
            identifier: root.extensions().iter().find_map(|extension| {
                match extension.parsed_extension() {
                    ParsedExtension::SubjectKeyIdentifier(identifier) => {
                        Some(identifier.0.to_vec())
                    }
                    _ => None,
                }
            }),
            name: common_name(root.subject()),
            signs_crls: usage.is_none_or(|usage| usage.crl_sign()),
            validity: (
                seconds(validity.not_before.timestamp()),
                seconds(validity.not_after.timestamp()),
            ),
        })
    }
}

fn common_name(subject: &X509Name<'_>) -> String {
    let common = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
    common.map_or_else(|| subject.to_string(), str::to_owned)
}

/// Makes the issuer, and proves that it writes the root's subject as the root has it: clients compare bytes.
pub(crate) fn issuer(
    root: &X509Certificate<'_>,
    key: &Key,
    identifier: Vec<u8>,
) -> Result<Issuer<'static, Key>, ImportError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = distinguished_name(root.subject()).ok_or(ImportError::Name)?;
    params.key_identifier_method = KeyIdMethod::PreSpecified(identifier);
    params.serial_number = Some(1.into());
    let trial = params.self_signed(key).ok().ok_or(ImportError::KeyKind)?;
    let same = X509Certificate::from_der(trial.der())
        .is_ok_and(|(_, trial)| trial.subject().as_raw() == root.subject().as_raw());
    if same { Ok(Issuer::new(params, key.clone())) } else { Err(ImportError::Name) }
}

fn distinguished_name(subject: &X509Name<'_>) -> Option<DistinguishedName> {
    let mut name = DistinguishedName::new();
    let mut seen = HashSet::new();
    for set in subject.iter() {
        let mut attributes = set.iter();
        let (Some(attribute), None) = (attributes.next(), attributes.next()) else { return None };
        let kind: Vec<u64> = attribute.attr_type().iter()?.collect();
        if !seen.insert(kind.clone()) {
            return None;
        }
        name.push(DnType::from_oid(&kind), value(attribute)?);
    }
    Some(name)
}

fn value(attribute: &AttributeTypeAndValue<'_>) -> Option<DnValue> {
    let value = attribute.attr_value();
    let text = std::str::from_utf8(value.data).ok();
    match value.tag() {
        Tag::BmpString => BmpString::from_utf16be(value.data.to_vec()).ok().map(DnValue::BmpString),
        Tag::Ia5String => Ia5String::try_from(text?).ok().map(DnValue::Ia5String),
        Tag::PrintableString => PrintableString::try_from(text?).ok().map(DnValue::PrintableString),
        Tag::T61String => TeletexString::try_from(text?).ok().map(DnValue::TeletexString),
        Tag::UniversalString => {
            UniversalString::from_utf32be(value.data.to_vec()).ok().map(DnValue::UniversalString)
        }
        Tag::Utf8String => Some(DnValue::Utf8String(text?.to_owned())),
        _ => None,
    }
}
