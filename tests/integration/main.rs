//! What a user can rely on, tested against a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests take their settings from where they are")]

mod support;

mod auth;
mod cli;
mod connection;
mod faults;
mod leaks;
mod mapping;
mod memory;
mod repo;
mod write;
