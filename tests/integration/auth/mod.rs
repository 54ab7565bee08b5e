//! Credentials and login methods.

mod agent;
mod cert;
pub(crate) mod jwt;
pub(crate) mod kubernetes;
pub(crate) mod lease;
mod login;
mod namespaces;
pub(crate) mod password;
mod revoke;
pub(crate) mod signer;
mod token;
mod wrapping;
