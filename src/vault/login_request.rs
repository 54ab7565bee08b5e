//! `[net]` What each auth method is sent, see <https://developer.hashicorp.com/vault/api-docs/auth>.

use anyhow::Context;

use crate::config::{JwtSource, Login, LoginMethod};
use crate::credential_file::{describe, read_credential};
use crate::secret::Secret;
use crate::vault::client::Client;
use crate::vault::token::Token;
use crate::vault::{github, wrapping};

/// The path and the body of a login.
pub(super) struct LoginRequest {
    pub(super) path: String,
    /// The credential among them.
    pub(super) fields: Vec<(&'static str, Secret)>,
}

impl LoginRequest {
    /// Reads the credential, unwraps it, or asks its issuer for it.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub(super) async fn prepare(client: &Client<'_>, login: &Login) -> anyhow::Result<Self> {
        let deadline = client.retry.deadline;
        let mut path = format!("auth/{}/login", login.mount);
        let fields = match &login.method {
            LoginMethod::AppRole { role_id, secret_id, wrapped, wrapped_by } => {
                let mut fields = vec![("role_id", read_credential(role_id, deadline)?)];
                if let Some(source) = secret_id {
                    let mut secret_id = read_credential(source, deadline)?;
                    if *wrapped {
                        let wrapping = Token::given(secret_id, &describe(source))?;
                        let unwrapped = wrapping::unwrap_secret_id(client, wrapping, login, wrapped_by.as_deref());
                        secret_id = unwrapped.await.context("unwrap the secret_id")?;
                    }
                    fields.push(("secret_id", secret_id));
                }
                fields
            }
            LoginMethod::Jwt { role, jwt } => {
                let jwt = match jwt {
                    JwtSource::Given(source) => read_credential(source, deadline)?,
                    JwtSource::GitHub { service, bearer } => github::id_token(client, service, bearer)
                        .await
                        .context("request a token from GitHub Actions")?,
                };
                let role = role.iter().map(|role| ("role", Secret::new(role.as_str().into())));
                role.chain([("jwt", jwt)]).collect()
            }
            LoginMethod::Password { username, password } => {
                path = format!("{path}/{username}");
                vec![("password", read_credential(password, deadline)?)]
            }
            LoginMethod::Cert { role } => role.iter().map(|role| ("name", Secret::new(role.as_str().into()))).collect(),
        };
        Ok(Self { path, fields })
    }
}
