//! Content codings, taken off within a bound.

use std::io::Read;

use sidestream_record::Fields;

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The coding is broken.
    #[error("the {coding} of the body is broken")]
    Broken {
        /// Which one.
        coding: String,
    },
    /// It becomes longer than allowed.
    #[error("the body is longer than {most} bytes once it is decoded")]
    TooLong {
        /// How many bytes are allowed.
        most: usize,
    },
    /// The coding is none that is known.
    #[error("the content coding {coding} is not known")]
    Unknown {
        /// What it calls itself.
        coding: String,
    },
}

/// Takes the content codings off a body (RFC 9110 §8.4); `None` if it has none.
///
/// # Errors
///
/// A coding is not known or broken, or the body becomes longer than `most` bytes.
pub fn decode(fields: &Fields, body: &[u8], most: usize) -> Result<Option<Vec<u8>>, DecodeError> {
    let value = fields.get_all("content-encoding").map(|it| &it[..]).collect::<Vec<_>>();
    let text = String::from_utf8_lossy(&value.join(&b","[..])).to_ascii_lowercase();
    let codings = text.split(',').map(str::trim).filter(|it| !it.is_empty() && *it != "identity");
    let mut decoded: Option<Vec<u8>> = None;
    for coding in codings.collect::<Vec<_>>().into_iter().rev() {
        decoded = Some(one(coding, decoded.as_deref().unwrap_or(body), most)?);
    }
    Ok(decoded)
}

fn one(coding: &str, body: &[u8], most: usize) -> Result<Vec<u8>, DecodeError> {
    let broken = || DecodeError::Broken { coding: coding.to_owned() };
    if body.is_empty() {
        return Ok(Vec::new());
    }
    match coding {
        "gzip" | "x-gzip" => read(flate2::read::MultiGzDecoder::new(body), coding, most),
        // What is called deflate is wrapped by zlib, or by mistake is not.
        "deflate" => match read(flate2::read::ZlibDecoder::new(body), coding, most) {
            Err(DecodeError::Broken { .. }) => {
                read(flate2::read::DeflateDecoder::new(body), coding, most)
            }
            other => other,
        },
        "br" => read(brotli_decompressor::Decompressor::new(body, 4096), coding, most),
        "zstd" => {
            let decoder = ruzstd::decoding::StreamingDecoder::new(body);
            read(decoder.map_err(|_broken| broken())?, coding, most)
        }
        other => Err(DecodeError::Unknown { coding: other.to_owned() }),
    }
}

fn read(from: impl Read, coding: &str, most: usize) -> Result<Vec<u8>, DecodeError> {
    let mut out = Vec::new();
    let limit = most as u64 + 1;
    match from.take(limit).read_to_end(&mut out) {
        Ok(_) if out.len() > most => Err(DecodeError::TooLong { most }),
        Ok(_) => Ok(out),
        Err(_broken) => Err(DecodeError::Broken { coding: coding.to_owned() }),
    }
}
