//! `[pure]` Names of variables that a key of a secret must not set: permission to write a secret must not imply
//! permission to run code, to change whom a program trusts, or to steer a Vault client.
//!
//! Names are judged, never values. Addresses, proxies and credentials are data: only a project file that was found must
//! not set those that a Vault client uses.

use std::borrow::Cow;
use std::fmt;

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

/// Patterns, separated by spaces.
struct Table {
    patterns: &'static str,
    /// For each pattern the first letter, in upper case, or `*`, and its position. A position needs no relocation when the
    /// program is loaded, as a `&str` would.
    index: &'static [(u8, u16)],
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

impl Table {
    /// Whether a pattern matches the name.
    fn contains(&self, name: &str) -> bool {
        let name = name.as_bytes();
        let Some(first) = name.first().map(u8::to_ascii_uppercase) else { return false };
        let mut candidates = self.index.iter().filter(|(letter, _)| *letter == first || *letter == b'*');
        candidates.any(|(_, start)| matches(&self.patterns.as_bytes()[usize::from(*start)..], name))
    }
}

/// Whether the pattern that ends at the first space matches the whole name. `*` matches any text, and no text; after a
/// `~`, case is ignored.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match pattern {
        [b'~', pattern @ ..] => matches_with(pattern, name, |one, other| one.eq_ignore_ascii_case(&other)),
        pattern => matches_with(pattern, name, |one, other| one == other),
    }
}

fn matches_with(mut pattern: &[u8], mut name: &[u8], is_same: impl Fn(u8, u8) -> bool + Copy) -> bool {
    loop {
        (pattern, name) = match (pattern, name) {
            ([] | [b' ', ..], _) => return name.is_empty(),
            ([b'*', rest @ ..], _) => {
                let length = rest.iter().position(|byte| b" *".contains(byte)).unwrap_or(rest.len());
                let ends = if rest.get(length) == Some(&b'*') { 0 } else { name.len().saturating_sub(length) };
                return (ends..=name.len()).any(|start| matches_with(rest, &name[start..], is_same));
            }
            ([expected, pattern @ ..], [byte, name @ ..]) if is_same(*expected, *byte) => (pattern, name),
            _ => return false,
        };
    }
}

const fn is_start(text: &[u8], index: usize) -> bool {
    text[index] != b' ' && (index == 0 || text[index - 1] == b' ')
}

const fn count(text: &[u8]) -> usize {
    let (mut count, mut index) = (0, 0);
    while index < text.len() {
        count += is_start(text, index) as usize;
        index += 1;
    }
    count
}

#[allow(clippy::cast_possible_truncation, reason = "evaluated by the compiler, which stops if a text is too long")]
const fn index<const N: usize>(text: &[u8]) -> [(u8, u16); N] {
    assert!(text.len() <= u16::MAX as usize);
    let (mut entries, mut count, mut start) = ([(0, 0); N], 0, 0);
    while start < text.len() {
        if is_start(text, start) {
            let first = if text[start] == b'~' { text[start + 1] } else { text[start] };
            entries[count] = (first.to_ascii_uppercase(), start as u16);
            count += 1;
        }
        start += 1;
    }
    entries
}

macro_rules! table {
    ($($group:literal)*) => {{
        const PATTERNS: &str = concat!($($group, " "),*);
        const INDEX: [(u8, u16); count(PATTERNS.as_bytes())] = index(PATTERNS.as_bytes());
        Table { patterns: PATTERNS, index: &INDEX }
    }};
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
        // https://docs.spring.io/spring-cloud-vault/reference/appendix.html, in any case
        "~SPRING_CLOUD_VAULT_URI ~SPRING_CLOUD_VAULT_HOST ~SPRING_CLOUD_VAULT_NAMESPACE ~SPRING_CLOUD_VAULT_SSL_*"
        // Secrets backends of Ansible (community.hashi_vault) and Airflow
        "ANSIBLE_HASHI_VAULT_ADDR AIRFLOW__*BACKEND_KWARGS"
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
        // PEP 493, https://pip.pypa.io/en/stable/topics/https-certificates/, uv, conda
        "PYTHONHTTPSVERIFY PIP_CERT PIP_TRUSTED_HOST UV_INSECURE_HOST CONDA_SSL_VERIFY"
        // https://docs.gunicorn.org/en/stable/settings.html#forwarded-allow-ips, https://www.uvicorn.org/settings/
        "FORWARDED_ALLOW_IPS UVICORN_FORWARDED_ALLOW_IPS UVICORN_PROXY_HEADERS UVICORN_SSL_CA_CERTS"
        // https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html
        "AIRFLOW__*AUTH_BACKEND* AIRFLOW__CELERY__SSL_CACERT"
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
        // Docker, Consul, Nomad, Terraform, Ansible, AWS
        "DOCKER_TLS_VERIFY DOCKER_CERT_PATH CONSUL_CACERT CONSUL_CAPATH CONSUL_TLS_SERVER_NAME \
         CONSUL_HTTP_SSL_VERIFY NOMAD_CACERT NOMAD_CAPATH NOMAD_TLS_SERVER_NAME *SKIP_VERIFY *SKIP_TLS_VERIFY \
         TF_HTTP_SKIP_CERT_VERIFICATION ANSIBLE_HOST_KEY_CHECKING AWS_CA_BUNDLE"
    }),
    (Danger::Code, table! {
        // https://developer.hashicorp.com/vault/docs/commands/token-helper; configuration in the images of the servers
        "VAULT_CONFIG_PATH VAULT_LOCAL_CONFIG"
        // Loaders: ld.so(8), dyld(1); IRIX, HP-UX and AIX in env_delete of sudo
        "LD_* DYLD_* _RLD* SHLIB_PATH LDR_* LIBPATH"
        // glibc: sysdeps/generic/unsecvars.h, iconv(1), locale(7), mallopt(3); jemalloc
        "GCONV_PATH GETCONF_DIR GLIBC_TUNABLES LOCPATH PATH_LOCALE NLSPATH TZDIR TMPDIR MALLOC_* _RJEM_MALLOC_CONF"
        // https://github.com/google/sanitizers/wiki/SanitizerCommonFlags
        "*SAN_OPTIONS *_SYMBOLIZER_PATH"
        // Shells and execvp: sh(1p), bash(1), zshparam(1), readline(3); PowerShell in any case
        "PATH HOME *SHELL IFS ENV CDPATH FPATH FCEDIT MAILPATH PS0 PS1 PS2 PS3 PS4 BASH_ENV BASH_FUNC_* \
         BASH_LOADABLES_PATH BASHOPTS SHELLOPTS GLOBIGNORE HISTFILE INPUTRC ZDOTDIR NULLCMD \
         READNULLCMD TMPPREFIX ~PSMODULEPATH"
        // https://specifications.freedesktop.org/basedir-spec/latest/; the state directory holds vault-exec's own trust
        "XDG_*"
        // Commands, editors, pagers, browsers, password prompts and directories of any program: environ(7), ssh(1)
        "*_COMMAND *_CMD EDITOR VISUAL *_EDITOR *PAGER *BROWSER *ASKPASS *_HOME"
        // vim(1), emacs(1), less(1), man(1), groff(1), terminfo(5), screen(1), tmux(1), mailx(1), tex(1)
        "EXINIT *VIMINIT VIM VIMRUNTIME EMACSLOADPATH LESS LESSOPEN LESSCLOSE LESSKEY* LESSEDIT LESSGLOBALTAGS MANOPT \
         GROFF_COMMAND_PREFIX TERMINFO TERMINFO_DIRS TERMCAP TERMPATH SCREENRC SYSSCREENRC SCREENDIR TMUX TMUX_TMPDIR \
         MAILRC MAILCAPS TEXMF* TEXINPUTS"
        // Options and commands in variables: tar, zip(1), gawk(1), rg(1), fzf(1)
        "TAR_OPTIONS ZIPOPT AWKPATH RIPGREP_CONFIG_PATH FZF_*"
        // java(1), https://eclipse.dev/openj9/docs/env_var/
        "JAVA_TOOL_OPTIONS _JAVA_* JDK_JAVA_OPTIONS JDK_JAVAC_OPTIONS OPENJ9_JAVA_OPTIONS IBM_JAVA_OPTIONS CLASSPATH"
        // Start scripts of Tomcat, Kafka, Elasticsearch, WildFly, Spark, Hadoop, JRuby; Log4j
        "JAVACMD *JAVA_OPTS *_JAVA_OPTIONS *JVM_OPTS *JVM_ARGS *JVM_OPTIONS *JVMFLAGS CATALINA_* KAFKA_*OPTS \
         ES_PATH_CONF SPARK_*_OPTS SPARK_*CLASSPATH PYSPARK_* HADOOP_*OPTS HADOOP_*CLASSPATH \
         HADOOP_CONF_DIR JRUBY_OPTS JYTHONPATH LOG4J_*"
        // Maven, Gradle, Ant, sbt: https://maven.apache.org/configure.html, https://docs.gradle.org/current/userguide/
        "MAVEN_OPTS MAVEN_ARGS MAVEN_DEBUG_OPTS GRADLE_OPTS ANT_OPTS ANT_ARGS SBT_OPTS"
        // https://docs.spring.io/spring-boot/reference/features/external-config.html, in any case; Quarkus
        "~SPRING_APPLICATION_JSON ~SPRING_CONFIG_* ~LOGGING_CONFIG ~LOADER_PATH ~LOADER_MAIN SMALLRYE_CONFIG_* \
         QUARKUS_CONFIG_*"
        // https://nodejs.org/api/cli.html#environment-variables, ts-node, Electron
        "NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE NODE_CONFIG_DIR NODE_COMPILE_CACHE NODE_V8_COVERAGE \
         NODE_REDIRECT_WARNINGS NVM_DIR TS_NODE_* ELECTRON_RUN_AS_NODE"
        // https://docs.npmjs.com/cli/using-npm/config#environment-variables, pnpm and Yarn, in any case
        "~NPM_CONFIG_* ~PNPM_CONFIG_* ~YARN_YARN_PATH ~YARN_IGNORE_PATH ~YARN_RC_FILENAME ~YARN_PLUGINS"
        // Deno, Bun, esbuild, Puppeteer
        "DENO_DIR DENO_V8_FLAGS BUN_OPTIONS ESBUILD_BINARY_PATH CHROME_PATH PUPPETEER_EXECUTABLE_PATH"
        // https://docs.python.org/3/using/cmdline.html#environment-variables
        "PYTHONSTARTUP PYTHONPATH PYTHONHOME PYTHONINSPECT PYTHONUSERBASE PYTHONBREAKPOINT PYTHONWARNINGS \
         PYTHONEXECUTABLE PYTHONPLATLIBDIR PYTHONPYCACHEPREFIX PYTHON_PRESITE PYTHON_HISTORY VIRTUAL_ENV"
        // Every option: https://pip.pypa.io/en/stable/topics/configuration/, https://docs.astral.sh/uv/reference/
        // environment/, https://python-poetry.org/docs/configuration/; see DATA for the rest of these families
        "PIP_* UV_* POETRY_*"
        // conda, keyring
        "CONDARC CONDA_PREFIX* PYTHON_KEYRING_BACKEND"
        // https://docs.gunicorn.org/en/stable/settings.html, https://www.uvicorn.org/settings/, uWSGI
        "GUNICORN_CMD_ARGS UVICORN_APP UVICORN_APP_DIR UVICORN_LOG_CONFIG UVICORN_ENV_FILE UVICORN_LOOP UVICORN_HTTP \
         UVICORN_WS UWSGI_*"
        // Django, Flask, https://docs.celeryq.dev/en/stable/reference/cli.html, Superset, pgAdmin, dbt
        "DJANGO_SETTINGS_MODULE FLASK_APP WERKZEUG_DEBUG_PIN CELERY_APP CELERY_LOADER CELERY_CONFIG \
         CELERY_CONFIG_MODULE CELERY_WORKDIR SUPERSET_CONFIG_PATH PGADMIN_CONFIG_* DBT_PROFILES_DIR"
        // https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html
        "AIRFLOW_CONFIG AIRFLOW__*CONFIG* AIRFLOW__*_CLASS AIRFLOW__*_FOLDER \
         AIRFLOW__*_CALLABLE AIRFLOW__*_TEMPLATE AIRFLOW__*PICKL* AIRFLOW__CORE__EXECUTOR AIRFLOW__CORE__AUTH_MANAGER \
         AIRFLOW__CORE__XCOM_BACKEND AIRFLOW__SECRETS__* AIRFLOW__WORKERS__SECRETS_* \
         AIRFLOW__EMAIL__EMAIL_BACKEND AIRFLOW__KERBEROS__KINIT_PATH"
        // Jupyter, pytest, coverage
        "JUPYTER_CONFIG_DIR JUPYTER_CONFIG_PATH JUPYTER_PATH IPYTHONDIR PYTEST_ADDOPTS PYTEST_PLUGINS \
         COVERAGE_PROCESS_* COVERAGE_RCFILE"
        // ruby(1), https://guides.rubygems.org/command-reference/, https://bundler.io/man/bundle-config.1.html
        "RUBYOPT RUBYLIB IRBRC GEMRC RUBYGEMS_GEMDEPS GEM_PATH BUNDLE_GEMFILE BUNDLE_PATH BUNDLE_APP_CONFIG"
        // perlrun(1), perldebug(1), ExtUtils::MakeMaker
        "PERLLIB PERL5* PERLDB_OPTS PERL_*OPT PERLIO_DEBUG HARNESS_PERL_SWITCHES"
        // https://www.php.net/manual/en/configuration.file.php, Composer, Laravel
        "PHPRC PHP_INI_SCAN_DIR APP_CONFIG_CACHE APP_ROUTES_CACHE"
        // https://learn.microsoft.com/dotnet/core/runtime-config/, in any case; MSBuild; mono(1)
        "~COMPLUS_* ~CORECLR_* ~COR_PROFILER* ~COR_ENABLE_PROFILING ~DOTNET_STARTUP_HOOKS ~DOTNET_ADDITIONAL_DEPS \
         ~DOTNET_ROOT* ~DOTNET_GCNAME ~DOTNET_GCPATH ~DOTNET_HOSTINGSTARTUP* ~ASPNETCORE_HOSTINGSTARTUP* ~MSBUILD* \
         MONO_PATH MONO_ENV_OPTIONS"
        // https://www.erlang.org/doc/apps/erts/erl_cmd.html, Elixir, https://www.rabbitmq.com/docs/configure
        "ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_OTP*_FLAGS ERL_LIBS ERL_ROOTDIR ELIXIR_* RELEASE_VM_ARGS \
         RELEASE_SYS_CONFIG RELEASE_ROOT RABBITMQ_*ERL_ARGS RABBITMQ_CONF_ENV_FILE RABBITMQ_CONFIG_FILE*"
        // https://stat.ethz.ch/R-manual/R-devel/library/base/html/EnvVar.html, reticulate
        "R_PROFILE* R_ENVIRON* R_LIBS* RETICULATE_*"
        // https://docs.julialang.org/en/v1/manual/environment-variables/
        "JULIA_DEPOT_PATH JULIA_LOAD_PATH JULIA_PROJECT"
        // lua(1), tclvars(3tcl), Guile, Racket, GHC
        "LUA_INIT* LUA_PATH* LUA_CPATH* TCLLIBPATH TCL_LIBRARY GUILE_LOAD_* PLTCOLLECTS GHCRTS"
        // https://pkg.go.dev/cmd/go#hdr-Environment_variables
        "GOENV GOFLAGS GOROOT GOPATH GOTOOLCHAIN GOCACHE* GOAUTH CGO_*"
        // https://doc.rust-lang.org/cargo/reference/environment-variables.html, rustup
        "RUSTC RUSTC_* RUSTDOC RUSTDOCFLAGS *RUSTFLAGS CARGO_TARGET_* CARGO_BUILD_* CARGO_ALIAS_* \
         CARGO_*CREDENTIAL_* RUSTUP_TOOLCHAIN"
        // make(1), gcc(1), pkg-config(1), cmake-env-variables(7), ccache(1), Autoconf
        "*MAKEFLAGS MAKEFILES CC CXX CPP LD AR AS HOST_CC TARGET_CC *CFLAGS *CXXFLAGS *CPPFLAGS *LDFLAGS \
         GCC_EXEC_PREFIX COMPILER_PATH LIBRARY_PATH CPATH PKG_CONFIG* CMAKE_* CCACHE_PREFIX* CCACHE_COMPILER* \
         CCACHE_PATH CCACHE_CONFIGPATH CONFIG_SITE"
        // OpenMP, CUDA, OpenCL, Open MPI, NCCL: https://www.openmp.org/spec-html/5.2/openmpch21.html
        "OMP_TOOL_LIBRARIES CUDA_INJECTION64_PATH NVTX_INJECTION64_PATH OCL_ICD_VENDORS OMPI_* NCCL_*_PLUGIN"
        // GTK, GLib, Qt, Vulkan, Mesa, GStreamer, GDAL, HDF5; D-Bus starts programs; ImageMagick, gs(1)
        "GTK*_* GDK_PIXBUF_MODULE* GIO_* GSETTINGS_BACKEND QT_*PATH QML*_PATH VK_ICD_FILENAMES VK_DRIVER_FILES \
         LIBGL_DRIVERS_PATH GST_PLUGIN_* *PLUGIN_PATH *PLUGIN_DIR GDAL_DRIVER_PATH DBUS_*_ADDRESS MAGICK_* GS_LIB \
         GS_OPTIONS"
        // git(1), git-config(1), git rev-parse --local-env-vars
        "GIT_SSH GIT_SSH_VARIANT GIT_EXTERNAL_DIFF GIT_EXEC_PATH GIT_TEMPLATE_DIR GIT_CONFIG* GIT_DIR GIT_COMMON_DIR \
         GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES \
         GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_NAMESPACE GIT_PREFIX GIT_REPLACE_REF_BASE GIT_NO_REPLACE_OBJECTS \
         GIT_INTERNAL_SUPER_PREFIX GIT_ATTR_SOURCE GIT_ALLOW_PROTOCOL GIT_PROTOCOL_FROM_USER GIT_DIFFTOOL_* GIT_TRACE* \
         GIT_TEST_*"
        // ssh(1), ssh-agent(1), rsync(1), rsync-ssl(1)
        "SSH_ASKPASS_REQUIRE SSH_SK_HELPER SSH_SK_PROVIDER SSH_PKCS11_HELPER RSYNC_RSH RSYNC_CONNECT_PROG"
        // svn(1), cvs(1), hg(1), bzr(1), p4(1), gh help environment, glab(1)
        "SVN_SSH CVS_RSH CVS_SERVER CVSROOT CVSEDITOR HGRCPATH HGEDITOR HGMERGE BZR_SSH P4CONFIG P4EDITOR \
         GH_CONFIG_DIR GH_PATH GLAB_CONFIG_DIR"
        // psql(1), libpq, mysql(1), MariaDB Connector/C, unixODBC
        "PSQLRC PGSERVICEFILE PGSYSCONFDIR ODBCINI ODBCSYSINI ODBCINSTINI"
        // Entry points of the images of PostgreSQL, WordPress, GitLab, nginx
        "POSTGRES_INITDB_ARGS WORDPRESS_CONFIG_EXTRA GITLAB_OMNIBUS_CONFIG NGINX_ENVSUBST_*"
        // openssl-env(7), p11-kit, krb5.conf(5), Cyrus SASL
        "OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES P11_KIT_* PKCS11_MODULE_PATH KRB5_CONFIG* GSS_MECH_CONFIG \
         SASL_*PATH"
        // gpg(1), pass(1), curl(1), wget(1), restic, rclone, borg
        "GNUPGHOME PASSWORD_STORE_EXTENSIONS_DIR WGETRC RCLONE_CONFIG \
         RCLONE_*_SSH RCLONE_METADATA_MAPPER BORG_RSH BORG_PASSCOMMAND BORG_REMOTE_PATH"
        // https://docs.docker.com/reference/cli/docker/#environment-variables, containers.conf(5)
        "DOCKER_CONFIG COMPOSE_FILE CONTAINERS_CONF* REGISTRY_AUTH_FILE"
        // kubectl, https://helm.sh/docs/helm/helm/
        "KUBECONFIG KUBE_CONFIG_PATH* KUBECTL_EXTERNAL_DIFF HELM_PLUGINS"
        // https://developer.hashicorp.com/terraform/cli/config/environment-variables, OpenTofu, Packer, Pulumi
        "TF_CLI_CONFIG_FILE TF_CLI_ARGS* TF_DATA_DIR TF_PLUGIN_CACHE_* TF_REATTACH_PROVIDERS TF_ENCRYPTION"
        // https://docs.ansible.com/ansible/latest/reference_appendices/config.html
        "ANSIBLE_CONFIG ANSIBLE_LIBRARY ANSIBLE_*_PLUGINS ANSIBLE_*_PATH ANSIBLE_INVENTORY ANSIBLE_*INTERPRETER* \
         ANSIBLE_*EXECUTABLE ANSIBLE_SSH_*ARGS ANSIBLE_VAULT_PASSWORD_FILE"
        // https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html, gcloud topic startup, Azure CLI
        "AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_DATA_PATH AWS_LAMBDA_EXEC_WRAPPER BOTO_CONFIG \
         CLOUDSDK_CONFIG CLOUDSDK_*PYTHON* GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES AZURE_CONFIG_DIR"
        // Flyway, Liquibase, New Relic, the images of linuxserver.io
        "FLYWAY_JAR_DIRS FLYWAY_CONFIG_FILES LIQUIBASE_DEFAULTS_FILE DOCKER_MODS NEW_RELIC_CONFIG_FILE"
    }),
];

/// Names in the families above that are credentials and addresses.
#[rustfmt::skip]
static DATA: Table = table! {
    "PIP_*INDEX_URL PIP_PROXY PIP_*TOKEN PIP_*USERNAME PIP_*PASSWORD UV_*INDEX* UV_*_URL UV_*TOKEN UV_*USERNAME \
     UV_*PASSWORD UV_THREADPOOL_SIZE POETRY_HTTP_BASIC_* POETRY_*TOKEN* POETRY_REPOSITORIES_*"
};

/// See [`classify_discovered`].
#[rustfmt::skip]
static ONLY_IN_SECRETS: Table = table! {
    "VAULT_TOKEN VAULT_ROLE_ID VAULT_SECRET_ID VAULT_JWT VAULT_ID_TOKEN VAULT_USERNAME VAULT_PASSWORD VAULT_MFA \
     ACTIONS_ID_TOKEN_REQUEST_TOKEN ~HTTP_PROXY ~HTTPS_PROXY ~ALL_PROXY ~NO_PROXY"
};

#[cfg(test)]
mod tests;
