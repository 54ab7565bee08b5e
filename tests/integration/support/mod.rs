//! What the tests share: servers, proxies, certificates, processes.

pub(crate) mod api;
pub(crate) mod fake_server;
pub(crate) mod tls;
pub(crate) mod vault;
