//! How the server is reached, and what happens when it is not.

pub(crate) mod certificates;
mod concurrency;
pub(crate) mod ha;
mod proxy;
mod quota;
pub(crate) mod redirects;
pub(crate) mod resolver;
mod retry;
mod tls;
