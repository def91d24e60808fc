//! A private key that signs through the provider that the caller gave.

use std::{fmt, sync::Arc};

use rcgen::{PublicKeyData, SignatureAlgorithm};
use rustls::{SignatureScheme, crypto::CryptoProvider, sign::SigningKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sha2::{Digest as _, Sha256};
use x509_parser::{prelude::FromDer as _, x509::SubjectPublicKeyInfo};

use crate::error::{GenerateError, ImportError};

/// What signs certificates, most usual first: how rustls names it, and how the encoder does.
static SCHEMES: [(SignatureScheme, &SignatureAlgorithm); 3] = [
    (SignatureScheme::ECDSA_NISTP256_SHA256, &rcgen::PKCS_ECDSA_P256_SHA256),
    (SignatureScheme::ECDSA_NISTP384_SHA384, &rcgen::PKCS_ECDSA_P384_SHA384),
    (SignatureScheme::RSA_PKCS1_SHA256, &rcgen::PKCS_RSA_SHA256),
];

/// A loaded key, cheap to clone.
#[derive(Clone)]
pub(crate) struct Key {
    signing: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
    algorithm: &'static SignatureAlgorithm,
    public: Vec<u8>,
    spki: Vec<u8>,
    private: Arc<PrivateKeyDer<'static>>,
}

impl Key {
    /// Makes a P-256 key out of the provider's random bytes.
    pub(crate) fn generate(provider: &CryptoProvider) -> Result<Self, GenerateError> {
        let scalar = scalar(provider)?;
        let half = Self::load(p256_pkcs8(&scalar, None), provider).map_err(|load| match load {
            LoadError::Kind => GenerateError::Provider(None),
            LoadError::Rejected(source) => GenerateError::Provider(Some(source)),
        })?;
        // With its public half inside, the key is read by any library.
        let whole = p256_pkcs8(&scalar, Some(&half.public));
        Ok(Self { private: Arc::new(whole), ..half })
    }

    /// Loads a key that was made elsewhere.
    pub(crate) fn import(
        private: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, ImportError> {
        Self::load(private, provider).map_err(|load| match load {
            LoadError::Kind => ImportError::KeyKind,
            LoadError::Rejected(_) => ImportError::Key,
        })
    }

    fn load(private: PrivateKeyDer<'static>, provider: &CryptoProvider) -> Result<Self, LoadError> {
        let signing = provider
            .key_provider
            .load_private_key(private.clone_key())
            .map_err(LoadError::Rejected)?;
        let (scheme, algorithm) = SCHEMES
            .iter()
            .find(|(scheme, _)| signing.choose_scheme(&[*scheme]).is_some())
            .copied()
            .ok_or(LoadError::Kind)?;
        let spki = signing.public_key().ok_or(LoadError::Kind)?.as_ref().to_vec();
        let Ok((_, parsed)) = SubjectPublicKeyInfo::from_der(&spki) else {
            return Err(LoadError::Kind);
        };
        let public = parsed.subject_public_key.data.to_vec();
        Ok(Self { signing, scheme, algorithm, public, spki, private: Arc::new(private) })
    }

    /// The key for a TLS server.
    pub(crate) fn signing(&self) -> Arc<dyn SigningKey> {
        Arc::clone(&self.signing)
    }

    /// The private key.
    pub(crate) fn private(&self) -> &PrivateKeyDer<'static> {
        &self.private
    }

    /// The public key with its algorithm, in DER.
    pub(crate) fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The key identifier of RFC 7093 §2, method 1.
    pub(crate) fn identifier(&self) -> Vec<u8> {
        Sha256::digest(&self.public)[..20].to_vec()
    }
}

/// A private key of leaves beside the authority's own, for clients that take no other kind.
#[derive(Clone)]
pub struct LeafKey(pub(crate) Key);

impl LeafKey {
    /// Takes a key: EC P-256, EC P-384 or RSA.
    ///
    /// # Errors
    /// When it cannot be read, or is of another kind.
    pub fn from_der(
        private: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, ImportError> {
        Key::import(private, provider).map(Self)
    }
}

impl fmt::Debug for LeafKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LeafKey").field(&self.0.scheme).finish()
    }
}

enum LoadError {
    Kind,
    Rejected(rustls::Error),
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

impl rcgen::SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signer = self
            .signing
            .choose_scheme(&[self.scheme])
            .ok_or(rcgen::Error::UnsupportedSignatureAlgorithm)?;
        signer.sign(message).map_err(|error| rcgen::Error::RingKeyRejected(error.to_string()))
    }
}

/// The order of P-256; a private key is a number from 1 to one less (FIPS 186-5 §A.2.2, by rejection).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn scalar(provider: &CryptoProvider) -> Result<[u8; 32], GenerateError> {
    // One try in 2³² is rejected; a provider that fails eight times is not random.
    for _ in 0..8 {
        let mut scalar = [0; 32];
        if provider.secure_random.fill(&mut scalar).is_err() {
            return Err(GenerateError::Random);
        }
        if scalar != [0; 32] && scalar < ORDER {
            return Ok(scalar);
        }
    }
    Err(GenerateError::Random)
}

/// Writes a P-256 key as PKCS#8 (RFC 5958) around an ECPrivateKey (RFC 5915).
fn p256_pkcs8(scalar: &[u8; 32], public: Option<&[u8]>) -> PrivateKeyDer<'static> {
    const VERSION: [u8; 3] = [0x02, 0x01, 0x00];
    const ALGORITHM: [u8; 21] = [
        0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    let private = tlv(0x04, &[scalar]);
    let public = public.map_or_else(Vec::new, |point| tlv(0xa1, &[&tlv(0x03, &[&[0], point])]));
    let key = tlv(0x30, &[&[0x02, 0x01, 0x01], &private, &public]);
    PrivatePkcs8KeyDer::from(tlv(0x30, &[&VERSION, &ALGORITHM, &tlv(0x04, &[&key])])).into()
}

/// A DER element of less than 256 bytes.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let len = u8::try_from(contents.len()).expect("a P-256 key takes 135 bytes");
    let head = if len < 0x80 { vec![tag, len] } else { vec![tag, 0x81, len] };
    [head, contents].concat()
}
