//! `[pure]` How to reach the server.

use std::num::NonZeroU32;
use std::time::Duration;

use super::address::{self, Address};
use super::error::Error;
use super::proxy::Proxies;
use super::setting::{FromSetting, Setting};
use super::sources::Sources;
use super::tls::Tls;
use crate::args::options;

/// `--timeout`
pub const DEFAULT_TIMEOUT: Duration = Duration::from_mins(1);

/// How to reach the server.
#[derive(Debug)]
pub struct Connection {
    /// The address of the server.
    pub address: Address,
    /// The namespace of the secrets.
    pub namespace: Option<String>,
    /// Whom to trust.
    pub tls: Tls,
    /// The proxies, one of which may be used for the address or the target of a redirect.
    pub proxies: Proxies,
    /// Whether to follow the one redirect that a standby server may send.
    pub follow_redirects: bool,
    /// The limit for everything until the program starts.
    pub timeout: Duration,
    /// The limit for the attempts of each request, at least 1.
    pub max_attempts: Option<u32>,
}

impl Connection {
    pub(super) fn resolve(sources: Sources) -> Result<Self, Error> {
        let default = || Setting::new("https://127.0.0.1:8200", address::DEFAULT_SOURCE);
        let address = Address::from_setting(sources.get(options::ADDRESS)?.unwrap_or_else(default))?;
        Ok(Self {
            namespace: sources.get(options::NAMESPACE)?.map(namespace).transpose()?,
            tls: Tls::resolve(sources)?,
            proxies: Proxies::resolve(sources, &address)?,
            follow_redirects: !sources.get_flag(options::DISABLE_REDIRECTS)?,
            timeout: sources.get(options::TIMEOUT)?.unwrap_or(DEFAULT_TIMEOUT),
            max_attempts: sources.get(options::ATTEMPTS)?.map(NonZeroU32::get),
            address,
        })
    }

    /// For an OIDC provider of the public network, which none of Vault's settings apply to.
    pub(super) fn for_oidc_endpoint(url: Setting, sources: Sources) -> Result<Self, Error> {
        let address = Address::of_oidc_provider(url)?;
        Ok(Self {
            namespace: None,
            tls: Tls::system(sources)?,
            proxies: Proxies::from_https_proxy(sources, &address)?,
            // The bearer token is meant for this service alone.
            follow_redirects: false,
            timeout: Duration::ZERO,
            max_attempts: None,
            address,
        })
    }
}

/// A namespace, which is sent in a header.
pub(super) fn namespace(setting: Setting) -> Result<String, Error> {
    if setting.value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(setting.value);
    }
    Err(setting.invalid_unshown("a namespace of visible ASCII characters"))
}
