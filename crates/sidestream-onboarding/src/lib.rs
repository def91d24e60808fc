#![doc = include_str!("../README.md")]

mod dns;
mod download;
mod page;
mod platform;
mod profile;
mod site;

pub use dns::{Answer, Names, failure};
pub use download::PASSWORD;
pub use site::{Request, Response, Site, SiteError};

/// The name under which the page is found.
pub const HOST: &str = "sidestream.internal";
