//! How the server is reached, and what happens when it is not.

pub(crate) mod certificates;
mod concurrency;
mod cluster;
mod deadline;
mod ha;
mod proxy;
mod quota;
pub(crate) mod redirects;
pub(crate) mod resolver;
mod retry;
mod scale;
mod server_reason;
pub(crate) mod single_node;
mod tls;
