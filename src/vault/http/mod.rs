//! `[net]` HTTP over connections that carry one token and are wiped: see [`exchange`].

pub(super) mod connect;
pub(super) mod dns;
pub(super) mod exchange;
pub(super) mod limit;
pub(super) mod tls;
