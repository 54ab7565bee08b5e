//! `[net]` HTTP/1.1 over connections of this module's own making: see [`exchange`].

mod connect;
mod dns;
pub(super) mod exchange;
pub(super) mod limit;
mod proxy;
mod stream;
mod tls;
