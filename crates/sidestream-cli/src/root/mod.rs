//! The root: kept in the user's data folder, made on first use.

mod error;
mod kept;
mod name;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use sidestream::ca::Authority;
use sidestream::onboarding::Site;

pub use error::RootError;
pub use kept::Kept;

/// A root, and where it is kept.
#[derive(Clone)]
pub struct Root {
    /// The authority.
    pub authority: Arc<Authority>,
    /// Where its certificate is; a root that is not kept has no place.
    pub certificate_path: Option<PathBuf>,
}

/// Returns the cryptography that keys are made and used with.
pub fn provider() -> CryptoProvider {
    rustls::crypto::aws_lc_rs::default_provider()
}

impl Root {
    /// Reads the root from the folder, or makes it there.
    ///
    /// # Errors
    ///
    /// The folder is not known or cannot be written, or what lies in it is no root.
    pub fn open(folder: Option<&Path>) -> Result<Self, RootError> {
        let kept = Kept::new(folder.ok_or(RootError::NoFolder)?);
        let authority = kept.read_or_make()?;
        let certificate_path = Some(kept.certificate_path());
        Ok(Self { authority: Arc::new(authority), certificate_path })
    }

    /// Makes a root that is gone when the program ends.
    ///
    /// # Errors
    ///
    /// The clock or the cryptography is not usable.
    pub fn ephemeral() -> Result<Self, RootError> {
        let authority = generate()?;
        Ok(Self { authority: Arc::new(authority), certificate_path: None })
    }

    /// Makes the page from which devices take it.
    ///
    /// # Errors
    ///
    /// It cannot be written in one of the forms that are offered.
    pub fn site(&self) -> Result<Arc<Site>, RootError> {
        Ok(Arc::new(Site::new(&self.authority)?))
    }
}

impl std::fmt::Debug for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Root").field("certificate_path", &self.certificate_path).finish()
    }
}

fn generate() -> Result<Authority, RootError> {
    Ok(Authority::generate(&name::root_name(), SystemTime::now(), &provider())?)
}
