//! Linux: the helper's process, its rights and its installation.

mod accounts;
mod child;
mod find;
mod install;
mod privileges;
mod rendezvous;
mod start;
mod status;
mod threads;
mod way;
mod xattr;

pub(crate) use install::{install, uninstall};
pub(crate) use privileges::{adopt_environment, drop_privileges, sudo_caller};
pub(crate) use rendezvous::remove_left_overs;
pub(crate) use start::{HelperCapture, Started, start};
pub(crate) use status::helper_status;
