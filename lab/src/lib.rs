#![doc = include_str!("../README.md")]

pub mod agent;
pub mod client;
pub mod closure;
pub mod doctor;
pub mod ground;
pub mod lab;
pub mod link;
pub mod model;
pub mod origin;
pub mod scenario;
mod scenarios;
mod sys;
mod tap;
pub mod transcript;
pub mod trial;
pub mod wire;
