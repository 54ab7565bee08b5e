//! `[net]` What is required of each secret that the server returned.

use std::time::{Duration, SystemTime};

use crate::error::CliError;
use crate::kv::KvSecret;
use crate::secret::Secret;
use crate::vault::login;
use crate::vault::read::Reader;
use crate::vault::read_error::ReadError;
use crate::vault::report::lifetime;

impl Reader<'_> {
    /// Logs a secret that was `done` (read or written), and has messages leave out its values. `expiration` is that of a
    /// certificate.
    ///
    /// # Errors
    /// If a key, which messages show, is a credential, or the secret expires sooner than `--min-lease` demands.
    pub(super) async fn accept(
        &self,
        done: &str,
        secret: &KvSecret,
        expiration: Option<SystemTime>,
    ) -> Result<(), CliError> {
        let known = &self.session.client.known;
        if secret.data.iter().any(|(key, _)| known.is_credential_in(key)) {
            return Err(ReadError::credential_as_key());
        }
        known.add_values(secret.data.iter().filter_map(|(_, value)| value.as_ref()));
        let version = secret.version.map_or(String::new(), |version| format!(" version {version}"));
        let (path, count) = (&secret.path, secret.data.len());
        self.session.client.logger.info(format_args!("{done} {path}{version}, keys: {count}"));
        let Some(min) = self.min_lease else { return Ok(()) };
        let certificate = expiration.map(|end| end.duration_since(SystemTime::now()).unwrap_or_default());
        let token = if secret.lease_duration.is_some() { self.token_ttl().await } else { None };
        let shortest = [
            (secret.lease_duration, "raise the TTL of the role in its engine"),
            (token, "its lease ends with the token then: raise the TTL of the token (token_ttl of the auth role)"),
            (certificate, "ask for a longer ttl (--write PATH?ttl=…), and raise max_ttl of the role in its engine"),
        ];
        let shortest = shortest.into_iter().filter_map(|(ttl, remedy)| Some((ttl?, remedy))).min();
        match shortest {
            Some((ttl, remedy)) if ttl < min => {
                let (ttl, min) = (lifetime(ttl), lifetime(min));
                Err(CliError::new(format!("expires in {ttl}, sooner than --min-lease {min}"))
                    .hint(format!("{remedy}, or lower --min-lease")))
            }
            _ => Ok(()),
        }
    }

    /// `None` if it does not expire, or the server does not report it.
    async fn token_ttl(&self) -> Option<Duration> {
        match &self.token?.login {
            Some(login) => login.ttl,
            None => login::lookup_self(self.session).await?.ttl,
        }
    }
}

/// When the certificate in a response of `pki` expires.
pub(super) fn expiration(secret: &KvSecret) -> Option<SystemTime> {
    let (_, seconds) = secret.data.iter().find(|(key, _)| key == "expiration")?;
    let seconds = str::from_utf8(seconds.as_deref().map(Secret::expose)?).ok()?.parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
