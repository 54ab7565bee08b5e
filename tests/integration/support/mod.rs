//! What the tests share: servers, a proxy, certificates, processes and directories.

pub(crate) mod api;
pub(crate) mod canary;
pub(crate) mod fake_server;
pub(crate) mod http;
pub(crate) mod login;
pub(crate) mod network;
pub(crate) mod openbao;
pub(crate) mod outcome;
pub(crate) mod process;
pub(crate) mod recording_proxy;
pub(crate) mod scratch;
pub(crate) mod tls;
pub(crate) mod vault;
pub(crate) mod wait;
