//! What `export` and `import` are told.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use sidestream::export::Column;

use crate::export::{self, Asked};

/// What is exported, and how.
#[derive(Debug, ClapArgs)]
pub struct ExportArgs {
    /// The form.
    #[arg(value_enum)]
    pub format: ExportFormat,

    /// The session.
    pub session: PathBuf,

    /// Which exchanges: by their numbers, such as "7,9-12", or by a filter, such as "~d example.com
    /// & ~c 404" (docs/filter.md has all operators); by itself all.
    #[arg(value_name = "FILTER", value_parser = export::parse)]
    pub filter: Option<Asked>,

    /// Write to this file, readable by you alone, in place of standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Write over a file that is there.
    #[arg(long, requires = "output")]
    pub force: bool,

    /// The columns of `csv`, in their order: `method,url,status`; any other word lists them.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub columns: Vec<Column>,
}

/// A form in which exchanges are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Rows of CSV, see --columns.
    Csv,
    /// Commands of curl.
    Curl,
    /// Calls of JavaScript's fetch.
    Fetch,
    /// An HTTP archive (HAR 1.2), as browsers read it.
    Har,
    /// Commands of HTTPie.
    Httpie,
    /// JSON lines.
    Jsonl,
    /// A dump file of mitmproxy (version 21).
    #[value(alias = "dump")]
    Mitmproxy,
    /// A capture, as Wireshark reads and decrypts it: of what was recorded with --wire as it went
    /// over the wire.
    Pcapng,
    /// Programs of Python with requests.
    Python,
    /// Each request and its response, as HTTP/1.1 writes them.
    Raw,
    /// The requests alone.
    RawRequest,
    /// The responses alone.
    RawResponse,
    /// Commands of wget.
    Wget,
}

/// What is imported.
#[derive(Debug, ClapArgs)]
pub struct ImportArgs {
    /// The file, known by its content: an HTTP archive (HAR), a dump file of mitmproxy, or another
    /// session.
    pub file: PathBuf,

    /// The session, which is made, or continued.
    pub session: PathBuf,
}
