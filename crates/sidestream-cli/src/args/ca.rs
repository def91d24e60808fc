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
