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

/// The limit of one request without `VAULT_CLIENT_TIMEOUT`.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// Why the one redirect that a standby server may send is not followed; `None` if it is.
    pub refuse_redirects: Option<&'static str>,
    /// The limit of one request, response included.
    pub request_timeout: Duration,
    /// The limit for the attempts of each request, at least 1, and its source.
    pub max_attempts: Option<(u32, &'static str)>,
}

impl Connection {
    pub(super) fn resolve(sources: Sources) -> Result<Self, Error> {
        let default = || Setting::new("https://127.0.0.1:8200", address::DEFAULT_SOURCE);
        let address = Address::from_setting(sources.get(options::ADDRESS)?.unwrap_or_else(default))?;
        Ok(Self {
            namespace: sources.get(options::NAMESPACE)?.map(namespace).transpose()?,
            tls: Tls::resolve(sources)?,
            proxies: Proxies::resolve(sources, &address)?,
            refuse_redirects: sources.get_flag(options::DISABLE_REDIRECTS)?.then_some("--disable-redirects is given"),
            request_timeout: request_timeout(sources)?,
            max_attempts: max_attempts(sources)?,
            address,
        })
    }

    /// For an OIDC provider of the public network, which none of Vault's settings apply to.
    pub(super) fn for_oidc_provider(url: Setting, sources: Sources) -> Result<Self, Error> {
        let address = Address::of_oidc_provider(url)?;
        Ok(Self {
            namespace: None,
            tls: Tls::system(sources)?,
            proxies: Proxies::from_https_proxy(sources, &address)?,
            refuse_redirects: Some("the credential is meant for this service alone"),
            request_timeout: REQUEST_TIMEOUT,
            max_attempts: None,
            address,
        })
    }
}

/// `VAULT_CLIENT_TIMEOUT`, in which 0 is no limit, as for the Vault CLI.
fn request_timeout(sources: Sources) -> Result<Duration, Error> {
    match sources.vault_env("VAULT_CLIENT_TIMEOUT")? {
        None => Ok(REQUEST_TIMEOUT),
        Some(Setting { value, .. }) if matches!(value.as_str(), "0" | "0s") => Ok(Duration::MAX),
        Some(setting) => Duration::from_setting(setting),
    }
}

/// `--attempts`, else one more than `VAULT_MAX_RETRIES`.
fn max_attempts(sources: Sources) -> Result<Option<(u32, &'static str)>, Error> {
    const RETRIES: &str = "VAULT_MAX_RETRIES";
    if let Some(attempts) = sources.get::<NonZeroU32>(options::ATTEMPTS)? {
        return Ok(Some((attempts.get(), options::ATTEMPTS.name)));
    }
    let Some(setting) = sources.vault_env(RETRIES)? else { return Ok(None) };
    match setting.value.parse::<u32>() {
        Ok(retries) => Ok(Some((retries.saturating_add(1), RETRIES))),
        Err(_) => Err(setting.invalid("a number from 0")),
    }
}

/// A namespace, which is sent in a header.
pub(super) fn namespace(setting: Setting) -> Result<String, Error> {
    if setting.value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(setting.value);
    }
    Err(setting.invalid_unshown("a namespace of visible ASCII characters"))
}
