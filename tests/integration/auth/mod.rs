//! Credentials and login methods.

mod agent;
pub(crate) mod jwt;
pub(crate) mod kubernetes;
pub(crate) mod lease;
pub(crate) mod login;
mod revoke;
mod token;
