//! What a user can rely on, tested against a real server.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests take their settings from where they are")]

mod auth_bed;
mod bed;
mod tls_bed;

mod agent;
mod certificates;
mod check;
mod environment;
mod ha;
mod jwt;
mod kubernetes;
mod lease;
mod login;
mod messages;
mod names;
mod options;
mod project;
mod proxy;
mod quota;
mod read;
mod revoke;
mod start;
mod storm;
mod tls;
mod token;

mod layers;
mod readme;
mod shape;
mod shape_real;

mod fake_vault;
mod faults;
mod hostile;
mod memory;
mod resolver;
mod retry;
mod signals;
mod silence;
