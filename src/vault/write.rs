//! `[net]` Sends one `--write`, once: each attempt may create a credential.

use std::rc::Rc;

use http::StatusCode;

use crate::config::{CredentialSource, SecretRequest, WriteField};
use crate::credential_file;
use crate::error::CliError;
use crate::escape::is_pastable;
use crate::kv::KvSecret;
use crate::secret::Secret;
use crate::secret_path::SecretPath;
use crate::vault::accept::expiration;
use crate::vault::client::Client;
use crate::vault::read::{Mount, OTHER_ENGINE, Reader};
use crate::vault::read_error::Denial;
use crate::vault::request;
use crate::vault::response::{Fields, Response, lost};

/// The fields of a request.
pub(super) type Body<'a> = Vec<(&'a str, Rc<Secret>)>;

/// What a lost response means, and what to do.
const LOST: (&str, &str) = (
    "a credential may have been created",
    "if it must not stay valid, revoke it at its engine (sys/leases/lookup and pki/certs list what exists), then start \
     again; a lease ends with the login token",
);

/// The fields to send for each request, none for a read. Files are read byte for byte.
///
/// # Errors
/// If a file cannot be read, or is not UTF-8.
pub(super) fn read_fields<'a>(client: &Client<'_>, requests: &'a [SecretRequest]) -> anyhow::Result<Vec<Body<'a>>> {
    let field = |WriteField { name, value }: &'a WriteField| {
        let secret = match value {
            CredentialSource::Value { secret, .. } => Rc::new(Secret::new(secret.expose().to_vec())),
            CredentialSource::File(file) => {
                let secret = Rc::new(credential_file::read_private(file, client.retry.deadline)?);
                client.known.add_values([&secret]);
                secret
            }
        };
        if str::from_utf8(secret.expose()).is_err() {
            let error = CliError::new(format!("{}: not UTF-8", credential_file::describe(value)));
            return Err(error.hint("encode it as the engine expects it, such as PEM or Base64").into());
        }
        Ok((name.as_str(), secret))
    };
    requests.iter().map(|request| request.fields.iter().flatten().map(field).collect()).collect()
}

impl Reader<'_> {
    /// Looks the mount up before anything is sent.
    ///
    /// # Errors
    /// If it is of KV or of the server itself, or the server does not report it.
    pub(super) async fn require_writable(&self, path: &SecretPath) -> Result<(), CliError> {
        let engine = match self.mount(path).await? {
            Mount::Logical(OTHER_ENGINE) => return Ok(()),
            Mount::Logical(engine) => engine,
            Mount::Kv2(_) => "KV version 2",
            Mount::Unknown => {
                let policy_path = path.api_path();
                let denial = Denial { policy_path, is_token_invalid: false, unsent: true, server_reason: None };
                return Err(self
                    .error(path, "update")
                    .permission_denied(self.session, &self.policy_prefix, denial)
                    .await);
            }
        };
        Err(CliError::new(format!("--write is refused in {engine}"))
            .hint("--write is for engines that create something, such as pki, ssh or transit; --path reads a secret"))
    }

    /// Sends the fields, and returns the data of the response.
    ///
    /// # Errors
    /// If it is denied or rejected, or the response may be lost.
    pub(super) async fn write(
        &self,
        request: &SecretRequest,
        fields: &[(&str, Rc<Secret>)],
    ) -> Result<KvSecret, CliError> {
        let (path, address, (effect, hint)) = (&request.path, self.session.client.address, LOST);
        let policy_path = path.api_path();
        let body = request::write(&policy_path, fields);
        let mut response: Response<Fields> = self.session.send_unless_sent(body, effect, hint).await?;
        let (status, lease_duration) = (response.status, response.lease());
        match response.body.data.take() {
            Some(Fields(data)) if status == StatusCode::OK => {
                let secret = KvSecret { path: path.clone(), version: None, data, lease_duration, exported: true };
                self.accept("wrote", &secret, expiration(&secret)).await.map(|()| secret)
            }
            _ if !response.is_from_vault() || status.is_success() => Err(lost(address, status, effect, hint)),
            _ if status == StatusCode::FORBIDDEN => {
                let (is_token_invalid, server_reason) = (response.is_token_invalid(), response.reason());
                let denial = Denial { policy_path, is_token_invalid, unsent: false, server_reason };
                Err(self.error(path, "update").permission_denied(self.session, &self.policy_prefix, denial).await)
            }
            _ => {
                let help = format!("`{} path-help {policy_path}` describes the fields", address.cli());
                let hint = if is_pastable(&policy_path) { help } else { "check the path and the fields".into() };
                Err(response.unexpected(address).hint(hint))
            }
        }
    }
}
