//! `[pure]` How to get in.

use crate::config::sources::{Given, Setting};
use crate::config::{Connection, Error, SecretPath};
use crate::secret::Secret;

/// What proves to the server who is asking.
#[derive(Debug)]
pub enum Credential {
    /// A token that somebody else obtained.
    Token {
        /// The token; without it `home` is looked at.
        token: Option<CredentialSource>,
        /// Where the Vault CLI leaves a token: `~/.vault-token`.
        home: Option<String>,
        /// Whether it is a wrapping token, to be unwrapped first.
        wrapped: bool,
    },
    /// Something that is exchanged for a token first.
    Login(Login),
}

/// A login with an auth method.
#[derive(Debug)]
pub struct Login {
    /// What is shown.
    pub method: Method,
    /// Where the method is mounted below `auth/`.
    pub mount: String,
    /// The namespace of the method.
    pub namespace: Option<String>,
}

/// What an auth method wants to see, see <https://developer.hashicorp.com/vault/api-docs/auth>.
#[derive(Debug)]
pub enum Method {
    /// A role and its secret.
    AppRole {
        /// Names the role.
        role_id: CredentialSource,
        /// Proves it, unless the role is bound by other means alone.
        secret_id: Option<CredentialSource>,
        /// Whether `secret_id` is a wrapping token, to be unwrapped first.
        wrapped: bool,
    },
    /// A signed token that says who the bearer is, shown to `kubernetes` or `jwt`.
    Jwt {
        /// The role, where the method has no default one.
        role: Option<String>,
        /// The signed token.
        jwt: Jwt,
    },
    /// A name and a password, shown to `userpass` or `ldap`.
    Password {
        /// The name.
        username: String,
        /// The password.
        password: CredentialSource,
    },
    /// The certificate that the connection shows.
    Cert {
        /// The role, where any that fits is not enough.
        role: Option<String>,
    },
}

/// Where a signed token comes from.
#[derive(Debug)]
pub enum Jwt {
    /// Somebody put it there.
    Given(CredentialSource),
    /// A job on GitHub Actions asks for it, see
    /// <https://docs.github.com/en/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>.
    GitHub {
        /// How to reach `ACTIONS_ID_TOKEN_REQUEST_URL`, the audience already in its query.
        service: Box<Connection>,
        /// `ACTIONS_ID_TOKEN_REQUEST_TOKEN`
        bearer: Secret,
    },
}

/// A credential, or where to find it.
#[derive(Debug)]
pub enum CredentialSource {
    /// A variable held it.
    Value {
        /// What it held, white space and all.
        secret: Secret,
        /// The variable's name.
        source: String,
    },
    /// A file holds it.
    File(Setting),
}

/// Where a Kubernetes pod finds the token of its service account.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

impl Credential {
    /// Finds the credential among the settings; without `--auth` the first that is there. Files are not opened.
    ///
    /// # Errors
    /// When a part of it is missing or malformed.
    pub(super) fn resolve(given: Given, namespace: Option<&String>) -> Result<Self, Error> {
        let found = Found::look(given)?;
        let auth = given.one("--auth", &[])?;
        let choices = "token, approle, kubernetes, jwt, userpass, ldap or cert";
        let auth = match auth {
            None => found.first(),
            Some(setting) => setting.choose(choices, &Auth::NAMES)?,
        };
        let role = given.one("--role", &[])?.map(|role| role.value);
        let method = match auth {
            Auth::Token => {
                let home = given.variable("HOME")?.filter(|home| home.value.starts_with('/'));
                let home = home.map(|home| format!("{}/.vault-token", home.value.trim_end_matches('/')));
                let wrapped = given.switch("--unwrap-token", &[])?;
                return Ok(Self::Token { token: found.token, home, wrapped });
            }
            Auth::AppRole => Method::AppRole {
                role_id: found.role_id.ok_or(Error::Lacks { auth: "approle", what: "--role-id or VAULT_ROLE_ID" })?,
                secret_id: found.secret_id,
                wrapped: given.switch("--secret-id-wrapped", &[])?,
            },
            Auth::Kubernetes => Method::Jwt {
                role: Some(role.ok_or(Error::Lacks { auth: "kubernetes", what: "--role" })?),
                jwt: Jwt::Given(found.jwt_file.unwrap_or_else(|| {
                    let source = "the pod's service account (--jwt-file names another)".into();
                    CredentialSource::File(Setting { value: SERVICE_ACCOUNT_TOKEN.into(), source })
                })),
            },
            Auth::Jwt => {
                let what = "VAULT_JWT, --jwt-file or a GitHub Actions job with `id-token: write`";
                let jwt = match found.jwt.or(found.jwt_file) {
                    Some(jwt) => Some(Jwt::Given(jwt)),
                    None => github(given)?,
                };
                Method::Jwt { role, jwt: jwt.ok_or(Error::Lacks { auth: "jwt", what })? }
            }
            Auth::Userpass | Auth::Ldap => {
                let auth = auth.name();
                Method::Password {
                    username: found
                        .username
                        .ok_or(Error::Lacks { auth, what: "--username or VAULT_USERNAME" })?
                        .user()?,
                    password: found.password.ok_or(Error::Lacks { auth, what: "VAULT_PASSWORD or --password-file" })?,
                }
            }
            Auth::Cert => Method::Cert { role },
        };
        let mount = given.one("--auth-mount", &[])?;
        let own_namespace = given.one("--auth-namespace", &[])?;
        Ok(Self::Login(Login {
            method,
            mount: match mount {
                Some(mount) => mount.path()?.plain().trim_start_matches("auth/").to_owned(),
                None => auth.name().to_owned(),
            },
            namespace: match own_namespace {
                Some(namespace) => Some(namespace.namespace()?),
                None => namespace.cloned(),
            },
        }))
    }
}

impl Credential {
    /// What stands in front of a path of `namespace` in the policies of the token, which are written where a login
    /// obtained it: `team/` for a token of the namespace above `team`.
    ///
    /// # Errors
    /// With the namespace of the token, when `namespace` is not in it: no policy of that one can name its paths.
    pub fn namespace_from(&self, namespace: Option<&str>) -> Result<String, &str> {
        let plain = |namespace: Option<&str>| match namespace.unwrap_or_default().trim_matches('/') {
            "root" => String::new(),
            other => format!("{other}/").trim_start_matches('/').to_owned(),
        };
        let Self::Login(Login { namespace: own, .. }) = self else { return Ok(String::new()) };
        match plain(namespace).strip_prefix(&plain(own.as_deref())) {
            Some(below) => Ok(below.to_owned()),
            None => Err(own.as_deref().unwrap_or_default()),
        }
    }
}

/// An auth method by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Auth {
    Token,
    AppRole,
    Kubernetes,
    Jwt,
    Userpass,
    Ldap,
    Cert,
}

impl Auth {
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
        Self::NAMES.iter().find(|(_, auth)| *auth == self).map_or("", |(name, _)| name)
    }
}

/// Every part of a credential that is there.
struct Found {
    token: Option<CredentialSource>,
    role_id: Option<CredentialSource>,
    secret_id: Option<CredentialSource>,
    jwt: Option<CredentialSource>,
    jwt_file: Option<CredentialSource>,
    /// Whether a job on GitHub Actions can ask for one.
    github: bool,
    /// Whether a role was named, without which a job on GitHub Actions may have its token for somebody else.
    role: bool,
    username: Option<Setting>,
    password: Option<CredentialSource>,
}

impl Found {
    fn look(given: Given) -> Result<Self, Error> {
        let value = |name| Ok(given.shared(name)?.map(CredentialSource::from));
        let file = |option, shared: &[&str]| Ok(given.one(option, shared)?.map(CredentialSource::File));
        let shared_file = |name| Ok(given.shared(name)?.map(CredentialSource::File));
        let token_file = match given.one("--token-file", &[])? {
            None => given.variable("BAO_TOKEN_PATH")?,
            typed => typed,
        };
        Ok(Self {
            token: value("TOKEN")?.or(token_file.map(CredentialSource::File)).or(shared_file("TOKEN_FILE")?),
            role_id: match given.one("--role-id", &["ROLE_ID"])? {
                Some(role_id) => Some(role_id.into()),
                None => shared_file("ROLE_ID_FILE")?,
            },
            secret_id: value("SECRET_ID")?.or(file("--secret-id-file", &["SECRET_ID_FILE"])?),
            jwt: value("JWT")?.or(value("ID_TOKEN")?),
            jwt_file: file("--jwt-file", &["JWT_FILE"])?,
            github: given.inherited.get("ACTIONS_ID_TOKEN_REQUEST_URL").is_some_and(|url| !url.is_empty()),
            role: given.one("--role", &[])?.is_some(),
            username: given.one("--username", &["USERNAME"])?,
            password: value("PASSWORD")?.or(file("--password-file", &["PASSWORD_FILE"])?),
        })
    }

    /// The order of the contract. `kubernetes`, `ldap` and `cert` show no credential of their own by which they could be
    /// told, so they are used only when asked for.
    fn first(&self) -> Auth {
        if self.token.is_some() {
            Auth::Token
        } else if self.role_id.is_some() {
            Auth::AppRole
        } else if self.jwt.is_some() || self.jwt_file.is_some() || (self.github && self.role) {
            Auth::Jwt
        } else if self.username.is_some() && self.password.is_some() {
            Auth::Userpass
        } else {
            Auth::Token
        }
    }
}

fn github(given: Given) -> Result<Option<Jwt>, Error> {
    let url = given.variable("ACTIONS_ID_TOKEN_REQUEST_URL")?;
    let bearer = given.variable("ACTIONS_ID_TOKEN_REQUEST_TOKEN")?;
    let audience = given.one("--jwt-audience", &[])?;
    let Some((url, bearer)) = url.zip(bearer) else { return Ok(None) };
    let mut service = Connection::elsewhere(&url, given)?;
    if let Some(audience) = audience {
        service.address.url.query_pairs_mut().append_pair("audience", &audience.value);
    }
    Ok(Some(Jwt::GitHub { service: Box::new(service), bearer: Secret::new(bearer.value.into_bytes()) }))
}

impl Setting {
    /// The name of a user, which becomes the end of a path and must not lead to another one.
    fn user(self) -> Result<String, Error> {
        let name = self.value.trim_ascii();
        match SecretPath::segments(name) {
            Ok(_) => Ok(name.to_owned()),
            Err(fault) => Err(Error::NotAUser { source: self.source, value: name.to_owned(), fault }),
        }
    }
}

impl From<Setting> for CredentialSource {
    fn from(Setting { value, source }: Setting) -> Self {
        Self::Value { secret: Secret::new(value.into_bytes()), source }
    }
}
