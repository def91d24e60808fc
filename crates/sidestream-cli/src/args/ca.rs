//! The command line of `ca`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// What to do with the root.
#[derive(Debug, Subcommand)]
pub enum CaCommand {
    /// Print what is in the root certificate.
    Show,
    /// Write the root certificate for others to trust.
    Export(Export),
    /// Print where the root certificate is.
    Path,
    /// Make this machine's programs trust the root, until `ca uninstall`.
    Install(Which),
    /// Take the root out of all stores again, whatever it is called there.
    Uninstall(Which),
    /// Tell which stores trust the root. Exits 0 if all do.
    Status(Which),
}

impl CaCommand {
    /// Returns whether it is about stores of the machine and of the user.
    pub fn is_about_stores(&self) -> bool {
        matches!(self, Self::Install(_) | Self::Uninstall(_) | Self::Status(_))
    }
}

/// Which stores are meant.
#[derive(Clone, Debug, Args)]
pub struct Which {
    /// The kinds of stores.
    #[arg(long, value_enum, value_name = "STORE", value_delimiter = ',')]
    #[arg(default_value = "all", help = "Only these stores (repeatable)")]
    pub store: Vec<StoreKind>,
}

/// A kind of stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StoreKind {
    /// All of them.
    All,
    /// The key stores of JDKs.
    Java,
    /// The databases of Firefox, Thunderbird and Chromium.
    Nss,
    /// The machine's own.
    System,
}

/// How to export.
#[derive(Debug, Args)]
pub struct Export {
    /// The format.
    #[arg(long, value_enum, default_value_t = Format::Pem)]
    pub format: Format,

    /// Write to this file instead of the standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Export the private key as well (pem, p12): whoever has it can impersonate any server to
    /// those who trust the root.
    #[arg(long)]
    pub with_key: bool,

    /// The password of a p12 archive.
    #[arg(long, default_value = "sidestream")]
    pub password: String,
}

/// A format of certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Text in base64.
    Pem,
    /// Bytes.
    Der,
    /// A PKCS#12 archive.
    P12,
}
