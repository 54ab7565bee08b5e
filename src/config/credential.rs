//! `[pure]` How to authenticate.

use super::connection::{Connection, namespace};
use super::error::Error;
use super::setting::{CredentialSource, FromSetting, Setting};
use super::sources::Sources;
use crate::args::options;
use crate::secret::Secret;
use crate::secret_path::SecretPath;

/// How to authenticate.
#[derive(Debug)]
pub enum Credential {
    /// With a token that exists.
    Token(GivenToken),
    /// With a login, which returns a token.
    Login(Login),
}

/// A token that exists.
#[derive(Debug)]
pub struct GivenToken {
    /// The token; if `None`, the file at `token_helper_path`.
    pub token: Option<CredentialSource>,
    /// Where the Vault CLI stores a token: `~/.vault-token`. `None` without an absolute `HOME`.
    pub token_helper_path: Option<String>,
    /// Whether `BAO_TOKEN` is set, which hides `VAULT_TOKEN`, also if it is empty.
    pub has_bao_token: bool,
    /// The credential of another method, if a part of it was found and nothing is given for this one.
    pub incomplete: Option<Incomplete>,
    /// Whether it is a wrapping token, to be unwrapped first.
    pub wrapped: bool,
    /// The path of one more request whose wrapping token is accepted.
    pub wrapped_by: Option<String>,
}

/// A part of a credential without the rest.
#[derive(Debug)]
pub struct Incomplete {
    /// The option or variable with the part.
    pub source: String,
    /// What is missing, and every way to provide it.
    pub missing: &'static str,
}

/// A login with an auth method.
#[derive(Debug)]
pub struct Login {
    /// The method and its credential.
    pub method: LoginMethod,
    /// Where the method is mounted below `auth/`.
    pub mount: String,
    /// The namespace of the method.
    pub namespace: Option<String>,
}

/// A kind of login with its credential, see <https://developer.hashicorp.com/vault/api-docs/auth>.
#[derive(Debug)]
pub enum LoginMethod {
    /// `approle`
    AppRole {
        /// The identifier of the role.
        role_id: CredentialSource,
        /// The secret of the role, unless the role does not require one (`bind_secret_id=false`).
        secret_id: Option<CredentialSource>,
        /// Whether `secret_id` is a wrapping token, to be unwrapped first.
        wrapped: bool,
        /// The path of one more request whose wrapping token is accepted.
        wrapped_by: Option<String>,
    },
    /// `jwt` or `kubernetes`
    Jwt {
        /// The role; `None` for the method's default role.
        role: Option<String>,
        /// The signed token.
        jwt: JwtSource,
    },
    /// `userpass` or `ldap`
    Password {
        /// The user name, safe as a segment of a path.
        username: String,
        /// The password.
        password: CredentialSource,
    },
    /// `cert`: the client certificate of the connection.
    Cert {
        /// The role; `None` for any that matches the certificate.
        role: Option<String>,
    },
}

/// Where a JWT comes from.
#[derive(Debug)]
pub enum JwtSource {
    /// A variable or a file.
    Given(CredentialSource),
    /// A request of a job on GitHub Actions for its ID token, see
    /// <https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>.
    GitHub {
        /// The endpoint of `ACTIONS_ID_TOKEN_REQUEST_URL`, with the audience in its query.
        service: Box<Connection>,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
        bearer: Secret,
    },
}

/// The path of the service account's token in a Kubernetes pod.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

const ROLE_ID: &str = "a role_id: --role-id, VAULT_ROLE_ID, --role-id-file or VAULT_ROLE_ID_FILE";
const JWT: &str = "a JWT: VAULT_JWT, VAULT_ID_TOKEN (on GitLab from `id_tokens`), --jwt-file or VAULT_JWT_FILE, or on \
                   GitHub Actions the permission `id-token: write`";
const CLIENT_CERT: &str =
    "a client certificate: --client-cert and --client-key, or VAULT_CLIENT_CERT and VAULT_CLIENT_KEY";
const USERNAME: &str = "a user name: --username or VAULT_USERNAME";
const PASSWORD: &str = "a password: VAULT_PASSWORD, --password-file or VAULT_PASSWORD_FILE";

impl Credential {
    /// Chooses the method, without `--auth` the first that a credential was found for. Files are not opened.
    ///
    /// # Errors
    /// [`Error::Requires`] if a part of the credential is missing, or as for [`Sources::get`].
    pub(super) fn resolve(sources: Sources, connection: &Connection) -> Result<Self, Error> {
        let detected = Detected::detect(sources)?;
        let auth: Option<AuthMethod> = sources.get(options::AUTH)?;
        let incomplete = if auth.is_none() { detected.incomplete() } else { None };
        let auth = auth.unwrap_or_else(|| detected.default_method());
        let wrapped_by = sources.get(options::WRAPPED_BY)?.map(|path: SecretPath| path.api_path());
        let missing = |what: &'static str| Error::Requires { source: format!("--auth {}", auth.name()), what };
        let method = match auth {
            AuthMethod::Token => {
                let home = sources.env("HOME")?.filter(|home| home.value.starts_with('/'));
                return Ok(Self::Token(GivenToken {
                    token: detected.token,
                    token_helper_path: home.map(|home| format!("{}/.vault-token", home.value.trim_end_matches('/'))),
                    has_bao_token: sources.inherited.get("BAO_TOKEN").is_some(),
                    incomplete,
                    wrapped: sources.get_flag(options::UNWRAP_TOKEN)?,
                    wrapped_by,
                }));
            }
            AuthMethod::AppRole => LoginMethod::AppRole {
                role_id: detected.role_id.ok_or_else(|| missing(ROLE_ID))?,
                secret_id: detected.secret_id,
                wrapped: sources.get_flag(options::SECRET_ID_WRAPPED)?,
                wrapped_by,
            },
            AuthMethod::Kubernetes => LoginMethod::Jwt {
                role: Some(detected.role.ok_or_else(|| missing("--role"))?.value),
                jwt: JwtSource::Given(detected.jwt_file.unwrap_or_else(|| {
                    let source = "the service account of the pod (or give --jwt-file)";
                    CredentialSource::File(Setting::new(SERVICE_ACCOUNT_TOKEN, source))
                })),
            },
            AuthMethod::Jwt => LoginMethod::Jwt {
                role: detected.role.map(|role| role.value),
                jwt: match detected.jwt.or(detected.jwt_file) {
                    Some(jwt) => JwtSource::Given(jwt),
                    None => github_id_token(sources)?.ok_or_else(|| missing(JWT))?,
                },
            },
            AuthMethod::Userpass | AuthMethod::Ldap => LoginMethod::Password {
                username: username(detected.username.ok_or_else(|| missing(USERNAME))?)?,
                password: detected.password.ok_or_else(|| missing(PASSWORD))?,
            },
            AuthMethod::Cert if connection.tls.client_identity.is_none() => return Err(missing(CLIENT_CERT)),
            AuthMethod::Cert => LoginMethod::Cert { role: detected.role.map(|role| role.value) },
        };
        let mount = sources.get(options::AUTH_MOUNT)?.map(|mount: SecretPath| mount.api_path());
        let login_namespace = sources.get(options::AUTH_NAMESPACE)?.map(namespace).transpose()?;
        Ok(Self::Login(Login {
            method,
            mount: mount.as_deref().map_or(auth.name(), |mount| mount.trim_start_matches("auth/")).to_owned(),
            namespace: login_namespace.or_else(|| connection.namespace.clone()),
        }))
    }

    /// Whether `ACTIONS_ID_TOKEN_REQUEST_TOKEN` is used.
    pub(super) const fn uses_github_token(&self) -> bool {
        matches!(self, Self::Login(Login { method: LoginMethod::Jwt { jwt: JwtSource::GitHub { .. }, .. }, .. }))
    }

    /// The prefix for paths of `namespace` in policies of the login namespace, where the token gets its policies: `team/`
    /// for the namespace `team` and a login in the root namespace.
    ///
    /// # Errors
    /// If `namespace` is not in the login namespace, whose policies then cannot name its paths.
    pub fn policy_prefix(&self, namespace: Option<&str>) -> Result<String, OutsideLoginNamespace> {
        let as_prefix = |namespace: Option<&str>| match namespace.unwrap_or_default().trim_matches('/') {
            "root" => String::new(),
            other => format!("{other}/").trim_start_matches('/').to_owned(),
        };
        let Self::Login(Login { namespace: login, .. }) = self else { return Ok(String::new()) };
        match as_prefix(namespace).strip_prefix(&as_prefix(login.as_deref())) {
            Some(prefix) => Ok(prefix.to_owned()),
            None => Err(OutsideLoginNamespace { login: login.clone().unwrap_or_default() }),
        }
    }
}

/// The namespace of the secrets is not in the namespace of the login.
#[derive(Debug, PartialEq, Eq)]
pub struct OutsideLoginNamespace {
    /// The namespace of the login.
    pub login: String,
}

/// A value of `--auth`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AuthMethod {
    Token,
    AppRole,
    Kubernetes,
    Jwt,
    Userpass,
    Ldap,
    Cert,
}

impl AuthMethod {
    const NAMES: [(&str, Self); 7] = [
        ("token", Self::Token),
        ("approle", Self::AppRole),
        ("kubernetes", Self::Kubernetes),
        ("jwt", Self::Jwt),
        ("userpass", Self::Userpass),
        ("ldap", Self::Ldap),
        ("cert", Self::Cert),
    ];

    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, method)| *method == self).map_or("", |(name, _)| name)
    }
}

impl FromSetting for AuthMethod {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        setting.one_of("token, approle, kubernetes, jwt, userpass, ldap or cert", &Self::NAMES)
    }
}

/// Every part of a credential that the settings contain.
struct Detected {
    token: Option<CredentialSource>,
    role_id: Option<CredentialSource>,
    secret_id: Option<CredentialSource>,
    jwt: Option<CredentialSource>,
    jwt_file: Option<CredentialSource>,
    /// Whether a job on GitHub Actions can request an ID token.
    github: bool,
    role: Option<Setting>,
    username: Option<Setting>,
    password: Option<CredentialSource>,
}

impl Detected {
    fn detect(sources: Sources) -> Result<Self, Error> {
        let file = |option| Ok(sources.get(option)?.map(CredentialSource::File));
        Ok(Self {
            token: sources.credential("VAULT_TOKEN")?.or(file(options::TOKEN_FILE)?),
            role_id: sources.get(options::ROLE_ID)?.or(file(options::ROLE_ID_FILE)?),
            secret_id: sources.credential("VAULT_SECRET_ID")?.or(file(options::SECRET_ID_FILE)?),
            jwt: sources.credential("VAULT_JWT")?.or(sources.credential("VAULT_ID_TOKEN")?),
            jwt_file: file(options::JWT_FILE)?,
            github: sources.inherited.get("ACTIONS_ID_TOKEN_REQUEST_URL").is_some_and(|url| !url.is_empty()),
            role: sources.get(options::ROLE)?,
            username: sources.get(options::USERNAME)?,
            password: sources.credential("VAULT_PASSWORD")?.or(file(options::PASSWORD_FILE)?),
        })
    }

    /// The first method whose credential was found. `kubernetes`, `ldap` and `cert` have none of their own to find, so
    /// they are used only on request.
    fn default_method(&self) -> AuthMethod {
        // Without a role, a job on GitHub Actions may have its ID token for another service.
        let jwt = self.jwt.is_some() || self.jwt_file.is_some() || (self.github && self.role.is_some());
        match () {
            () if self.token.is_some() => AuthMethod::Token,
            () if self.role_id.is_some() => AuthMethod::AppRole,
            () if jwt => AuthMethod::Jwt,
            () if self.username.is_some() && self.password.is_some() => AuthMethod::Userpass,
            () => AuthMethod::Token,
        }
    }

    /// The first part without the rest. `--role` alone may be for any of several methods, so the JWT is the least of its
    /// needs.
    fn incomplete(&self) -> Option<Incomplete> {
        let secret_id = self.secret_id.as_ref().map(|secret_id| (secret_id.source(), ROLE_ID));
        let username = || self.username.as_ref().map(|username| (username.source.as_str(), PASSWORD));
        let password = || self.password.as_ref().map(|password| (password.source(), USERNAME));
        let role = || self.role.as_ref().map(|role| (role.source.as_str(), JWT));
        let (source, missing) = secret_id.or_else(username).or_else(password).or_else(role)?;
        Some(Incomplete { source: source.to_owned(), missing })
    }
}

/// The request for the ID token of a job on GitHub Actions; `None` unless the job has the permission.
fn github_id_token(sources: Sources) -> Result<Option<JwtSource>, Error> {
    let url = sources.env("ACTIONS_ID_TOKEN_REQUEST_URL")?;
    let bearer = sources.credential("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
    let audience: Option<String> = sources.get(options::JWT_AUDIENCE)?;
    let (Some(url), Some(CredentialSource::Value { secret: bearer, .. })) = (url, bearer) else { return Ok(None) };
    let mut service = Connection::for_oidc_provider(url, sources)?;
    if let Some(audience) = audience {
        service.address.url.query_pairs_mut().append_pair("audience", &audience);
    }
    Ok(Some(JwtSource::GitHub { service: Box::new(service), bearer }))
}

/// Trims a user name, which becomes the end of a path and must not lead to another one.
fn username(setting: Setting) -> Result<String, Error> {
    let name = setting.value.trim_ascii();
    if SecretPath::segments(name).is_ok() {
        return Ok(name.to_owned());
    }
    Err(setting.invalid("a user name without control characters and empty, `.` or `..` segments"))
}

#[cfg(test)]
mod tests;
