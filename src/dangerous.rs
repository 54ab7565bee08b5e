//! `[pure]` Names of variables that a key of a secret must not set: permission to write a secret must not imply
//! permission to run code, to change whom a program trusts, or to steer a Vault client.
//!
//! Names are judged, never values. Addresses, proxies and credentials are data: only a project file that was found must
//! not set those that a Vault client uses.

mod code;
mod table;

use std::borrow::Cow;
use std::fmt;

use code::CODE;
use table::{Table, table};

/// What the author of a secret could do with a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Danger {
    /// A program runs the value, loads code from the file it names, or writes a file there.
    Code,
    /// A program trusts other certificates, name servers or callers, or discloses keys.
    Trust,
    /// A vault-exec or Vault client uses another server, proxy, certificate or namespace.
    VaultClient,
}

/// Follows the name in messages.
impl fmt::Display for Danger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Code => "which can make a program run code",
            Self::Trust => "which can change whom a program trusts",
            Self::VaultClient => "which steers a Vault client",
        })
    }
}

/// What a variable of this name could do if a key sets it. `BAO_X` is judged as `VAULT_X`.
pub fn classify(name: &str) -> Option<Danger> {
    let name = &as_vault_name(name);
    let table = TABLES.iter().find(|(_, table)| table.contains(name) && !DATA.contains(name));
    table.map(|(danger, _)| *danger)
}

/// What a variable of this name could do if a project file sets it that the user did not name. Such a file must choose
/// neither the credentials of a Vault client nor the proxy that carries them; in a secret, both are data.
pub fn classify_discovered(name: &str) -> Option<Danger> {
    classify(name).or_else(|| ONLY_IN_SECRETS.contains(&as_vault_name(name)).then_some(Danger::VaultClient))
}

fn as_vault_name(name: &str) -> Cow<'_, str> {
    name.strip_prefix("BAO_").map_or(name.into(), |rest| format!("VAULT_{rest}").into())
}

/// One text for each program, below its source. All names of glibc's `unsecvars.h`, sudo's `env_delete` and
/// `git rev-parse --local-env-vars` are among them.
#[rustfmt::skip]
static TABLES: [(Danger, Table); 3] = [
    (Danger::VaultClient, table! {
        // vault-exec in the program, and its token request on GitHub Actions
        "~VAULT_EXEC_* ACTIONS_ID_TOKEN_REQUEST_URL"
        // https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables, the same of OpenBao, and
        // the files that vault-exec reads credentials from
        "VAULT_*ADDR VAULT_PROXY_* VAULT_HTTP_PROXY VAULT_CACERT* VAULT_CAPATH VAULT_CLIENT_CERT* VAULT_CLIENT_KEY* \
         VAULT_CLIENT_TIMEOUT VAULT_SKIP_VERIFY VAULT_TLS_SERVER_NAME VAULT_SSL_* VAULT_NAMESPACE VAULT_SRV_LOOKUP \
         VAULT_DISABLE_REDIRECTS VAULT_HEADERS VAULT_WRAP_TTL VAULT_MAX_RETRIES VAULT_RATE_LIMIT VAULT_FORMAT \
         VAULT_DETAILED VAULT_TOKEN_PATH VAULT_*_FILE"
        // https://docs.spring.io/spring-cloud-vault/reference/appendix.html, in any case; Quarkus, Ansible
        // (community.hashi_vault) and Airflow; see DATA for the credentials in these families
        "~SPRING_CLOUD_VAULT_* QUARKUS_VAULT_* ANSIBLE_HASHI_VAULT_* AIRFLOW__*BACKEND_KWARGS"
    }),
    (Danger::Trust, table! {
        // Names and addresses: resolv.conf(5), host.conf(5), hostname(7)
        "HOSTALIASES LOCALDOMAIN RES_OPTIONS RESOLV_* NIS_PATH"
        // TLS libraries: openssl-env(7), curl(1), requests, httplib2, gRPC, GnuTLS
        "SSL_CERT_FILE SSL_CERT_DIR SSLKEYLOGFILE CURL_CA_BUNDLE REQUESTS_CA_BUNDLE HTTPLIB2_CA_CERTS \
         NIX_SSL_CERT_FILE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH GNUTLS_*"
        // https://nodejs.org/api/cli.html#environment-variables, https://yarnpkg.com/configuration/yarnrc, Deno
        "NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NODE_USE_SYSTEM_CA ~YARN_HTTPS_CA_FILE_PATH \
         ~YARN_ENABLE_STRICT_SSL DENO_CERT DENO_TLS_CA_STORE"
        // PEP 493, https://pip.pypa.io/en/stable/topics/https-certificates/, Twine, uv, conda
        "PYTHONHTTPSVERIFY TWINE_CERT PIP_CERT PIP_TRUSTED_HOST UV_INSECURE_HOST CONDA_SSL_VERIFY"
        // https://docs.gunicorn.org/en/stable/settings.html#forwarded-allow-ips, https://www.uvicorn.org/settings/
        "FORWARDED_ALLOW_IPS UVICORN_FORWARDED_ALLOW_IPS UVICORN_PROXY_HEADERS UVICORN_SSL_CA_CERTS"
        // https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html
        "AIRFLOW__*AUTH_BACKEND* AIRFLOW__CELERY__SSL_CACERT AIRFLOW__*SSL_CONTEXT"
        // Bundler, LWP of Perl, Composer, ASP.NET, https://go.dev/ref/mod, Cargo
        "BUNDLE_SSL_CA_CERT BUNDLE_SSL_VERIFY_MODE PERL_LWP_SSL_* HTTPS_CA_FILE HTTPS_CA_DIR COMPOSER_CAFILE \
         ~ASPNETCORE_FORWARDEDHEADERS_ENABLED GOINSECURE GOSUMDB GONOSUMDB CARGO_HTTP_CAINFO"
        // https://docs.julialang.org/en/v1/manual/environment-variables/
        "JULIA_SSL_CA_ROOTS_PATH JULIA_NO_VERIFY_HOSTS"
        // git(1), rsync-ssl(1)
        "GIT_SSL_NO_VERIFY GIT_SSL_CAINFO GIT_SSL_CAPATH GIT_PROXY_SSL_CAINFO RSYNC_SSL_CA_CERT"
        // https://www.postgresql.org/docs/current/libpq-envars.html, its image, MySQL, MariaDB
        "PGSSLROOTCERT PGSSLCRL PGSSLCRLDIR POSTGRES_HOST_AUTH_METHOD LIBMYSQL_ENABLE_CLEARTEXT_PLUGIN \
         MARIADB_TLS_DISABLE_PEER_VERIFICATION"
        // kerberos(7), ldap.conf(5); SecurID and AIX in env_delete of sudo
        "KRB5_KTNAME KRB5RCACHE* LDAPCONF LDAPRC LDAPTLS_* VAR_ACE USR_ACE DLC_ACE AUTHSTATE"
        // Docker, Consul, Nomad, Terraform, Ansible, AWS, Google Cloud, Helm
        "DOCKER_TLS_VERIFY DOCKER_CERT_PATH CONSUL_CACERT CONSUL_CAPATH CONSUL_TLS_SERVER_NAME \
         CONSUL_HTTP_SSL_VERIFY NOMAD_CACERT NOMAD_CAPATH NOMAD_TLS_SERVER_NAME *SKIP_VERIFY *SKIP_TLS_VERIFY \
         TF_HTTP_SKIP_CERT_VERIFICATION ANSIBLE_HOST_KEY_CHECKING AWS_CA_BUNDLE \
         CLOUDSDK_AUTH_DISABLE_SSL_VALIDATION CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE HELM_KUBECAFILE"
    }),
    (Danger::Code, CODE),
];

/// Names in the families above that are credentials and addresses.
#[rustfmt::skip]
static DATA: Table = table! {
    "PIP_*INDEX_URL PIP_PROXY PIP_*TOKEN PIP_*USERNAME PIP_*PASSWORD UV_*INDEX* UV_*_URL UV_*TOKEN UV_*USERNAME \
     UV_*PASSWORD UV_THREADPOOL_SIZE POETRY_HTTP_BASIC_* POETRY_*TOKEN* POETRY_REPOSITORIES_*"
    "COREPACK_*TOKEN COREPACK_*USERNAME COREPACK_*PASSWORD PACKER_*TOKEN CC_TEST_REPORTER_ID"
    // Role ids and secret ids, too
    "~SPRING_CLOUD_VAULT_*TOKEN ~SPRING_CLOUD_VAULT_*ID ~SPRING_CLOUD_VAULT_*PASSWORD QUARKUS_VAULT_*TOKEN \
     QUARKUS_VAULT_*_ID QUARKUS_VAULT_*PASSWORD ANSIBLE_HASHI_VAULT_TOKEN ANSIBLE_HASHI_VAULT_*_ID \
     ANSIBLE_HASHI_VAULT_JWT ANSIBLE_HASHI_VAULT_PASSWORD"
};

/// See [`classify_discovered`].
#[rustfmt::skip]
static ONLY_IN_SECRETS: Table = table! {
    "VAULT_TOKEN VAULT_ROLE_ID VAULT_SECRET_ID VAULT_JWT VAULT_ID_TOKEN VAULT_USERNAME VAULT_PASSWORD VAULT_MFA \
     ~SPRING_CLOUD_VAULT_* QUARKUS_VAULT_* ANSIBLE_HASHI_VAULT_* ACTIONS_ID_TOKEN_REQUEST_TOKEN \
     ~HTTP_PROXY ~HTTPS_PROXY ~ALL_PROXY ~NO_PROXY"
};

#[cfg(test)]
mod tests;
