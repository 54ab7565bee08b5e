//! What a user can rely on, tested against a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests take their settings from where they are")]

mod bed;

mod environment;
mod messages;
mod names;
mod options;
mod read;
mod start;
mod tls;
mod token;

mod layers;
mod readme;

mod fake_vault;
mod hostile;
mod memory;
mod resolver;
mod retry;
mod signals;
