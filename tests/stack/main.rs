//! The images and the systems of docker/, run as they are on a real engine and looked at from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::disallowed_methods, reason = "tests take their settings from where they are")]

mod compose;
mod docker;
mod http;

mod container;
mod development;
mod kubernetes;
mod production;
mod server_image;
