//! `[pure]` Names of variables that a key of a secret must not set: permission to write a secret must not imply
//! permission to run code, to change whom a program trusts, or to steer a Vault client.
//!
//! Names are judged, never values. Addresses, proxies and credentials of other programs are data and are not listed.

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

/// The patterns of one class, separated by spaces.
struct Table {
    danger: Danger,
    patterns: &'static str,
    /// For each pattern the first letter, in upper case, or `*`, and its position. A position needs no relocation when the
    /// program is loaded, as a `&str` would.
    index: &'static [(u8, u16)],
}

/// What a variable of this name could do.
#[must_use]
pub fn classify(name: &str) -> Option<Danger> {
    let name = name.as_bytes();
    let first = name.first()?.to_ascii_uppercase();
    let is_listed = |table: &&Table| {
        let mut candidates = table.index.iter().filter(|(letter, _)| *letter == first || *letter == b'*');
        candidates.any(|(_, start)| matches(&table.patterns.as_bytes()[usize::from(*start)..], name))
    };
    TABLES.iter().find(is_listed).map(|table| table.danger)
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
            ([b'*'] | [b'*', b' ', ..], _) => return true,
            ([b'*', next, ..], _) => {
                let mut positions = (0..name.len()).filter(|&position| is_same(*next, name[position]));
                return positions.any(|position| matches_with(&pattern[1..], &name[position..], is_same));
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
    ($danger:ident: $($group:literal)*) => {{
        const PATTERNS: &str = concat!($($group, " "),*);
        const INDEX: [(u8, u16); count(PATTERNS.as_bytes())] = index(PATTERNS.as_bytes());
        Table { danger: Danger::$danger, patterns: PATTERNS, index: &INDEX }
    }};
}

/// One text for each program, below its source. All names of glibc's `unsecvars.h`, sudo's `env_delete` and
/// `git rev-parse --local-env-vars` are among them.
#[rustfmt::skip]
static TABLES: [Table; 3] = [
    table! { VaultClient:
        // vault-exec in the program, and its token request on GitHub Actions
        "~VAULT_EXEC_* ACTIONS_ID_TOKEN_REQUEST_URL"
        // https://developer.hashicorp.com/vault/docs/commands#configure-environment-variables
        "VAULT_*ADDR VAULT_PROXY_* VAULT_HTTP_PROXY VAULT_CACERT* VAULT_CAPATH VAULT_CLIENT_CERT* VAULT_CLIENT_KEY* \
         VAULT_SKIP_VERIFY VAULT_TLS_SERVER_NAME VAULT_SSL_* VAULT_NAMESPACE VAULT_SRV_LOOKUP VAULT_DISABLE_REDIRECTS \
         VAULT_HEADERS VAULT_WRAP_TTL"
        // https://openbao.org/docs/commands/#environment-variables
        "BAO_*ADDR BAO_PROXY_* BAO_HTTP_PROXY BAO_CACERT* BAO_CAPATH BAO_CLIENT_CERT* BAO_CLIENT_KEY* BAO_SKIP_VERIFY \
         BAO_TLS_SERVER_NAME BAO_NAMESPACE BAO_SRV_LOOKUP BAO_DISABLE_REDIRECTS BAO_HEADERS BAO_WRAP_TTL"
        // https://docs.spring.io/spring-cloud-vault/reference/appendix.html, in any case
        "~SPRING_CLOUD_VAULT_URI ~SPRING_CLOUD_VAULT_HOST ~SPRING_CLOUD_VAULT_NAMESPACE ~SPRING_CLOUD_VAULT_SSL_*"
        // Secrets backends of Ansible (community.hashi_vault) and Airflow
        "ANSIBLE_HASHI_VAULT_ADDR AIRFLOW__SECRETS__BACKEND_KWARGS"
    },
    table! { Trust:
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
        "AIRFLOW__API__AUTH_BACKENDS AIRFLOW__CELERY__SSL_CACERT"
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
        // Docker, Consul, Terraform, Ansible, AWS
        "DOCKER_TLS_VERIFY DOCKER_CERT_PATH CONSUL_CACERT CONSUL_CAPATH CONSUL_HTTP_SSL_VERIFY \
         TF_HTTP_SKIP_CERT_VERIFICATION ANSIBLE_HOST_KEY_CHECKING AWS_CA_BUNDLE"
    },
    table! { Code:
        // https://developer.hashicorp.com/vault/docs/commands/token-helper; configuration in the images of the servers
        "VAULT_CONFIG_PATH BAO_CONFIG_PATH VAULT_LOCAL_CONFIG BAO_LOCAL_CONFIG"
        // Loaders: ld.so(8), dyld(1); IRIX, HP-UX and AIX in env_delete of sudo
        "LD_* DYLD_* _RLD* SHLIB_PATH LDR_* LIBPATH"
        // glibc: sysdeps/generic/unsecvars.h, iconv(1), locale(7), mallopt(3); jemalloc
        "GCONV_PATH GETCONF_DIR GLIBC_TUNABLES LOCPATH PATH_LOCALE NLSPATH TZDIR TMPDIR MALLOC_* _RJEM_MALLOC_CONF"
        // https://github.com/google/sanitizers/wiki/SanitizerCommonFlags
        "*SAN_OPTIONS *_SYMBOLIZER_PATH"
        // Shells and execvp: sh(1p), bash(1), zshparam(1), readline(3); PowerShell in any case
        "PATH HOME SHELL IFS ENV CDPATH FPATH FCEDIT MAILPATH PS0 PS1 PS2 PS3 PS4 BASH_ENV BASH_FUNC_* \
         BASH_LOADABLES_PATH BASHOPTS SHELLOPTS GLOBIGNORE PROMPT_COMMAND HISTFILE INPUTRC ZDOTDIR NULLCMD \
         READNULLCMD TMPPREFIX ~PSMODULEPATH"
        // https://specifications.freedesktop.org/basedir-spec/latest/; the state directory holds vault-exec's own trust
        "XDG_CONFIG_HOME XDG_CONFIG_DIRS XDG_DATA_HOME XDG_DATA_DIRS XDG_STATE_HOME"
        // Editors, pagers, terminals: environ(7), vim(1), emacs(1), sudo(8), less(1), man(1), groff(1), terminfo(5)
        "EDITOR VISUAL PAGER BROWSER SUDO_EDITOR SUDO_ASKPASS ALTERNATE_EDITOR EXINIT VIMINIT LESS LESSOPEN LESSCLOSE \
         LESSKEY* LESSEDIT LESSGLOBALTAGS MANPAGER MANOPT GROFF_COMMAND_PREFIX SYSTEMD_PAGER SYSTEMD_EDITOR TERMINFO \
         TERMINFO_DIRS TERMCAP TERMPATH"
        // Options and commands in variables: tar, zip(1), gawk(1), rg(1), fzf(1)
        "TAR_OPTIONS ZIPOPT AWKPATH RIPGREP_CONFIG_PATH FZF_*"
        // java(1), https://eclipse.dev/openj9/docs/env_var/
        "JAVA_TOOL_OPTIONS _JAVA_* JDK_JAVA_OPTIONS JDK_JAVAC_OPTIONS OPENJ9_JAVA_OPTIONS IBM_JAVA_OPTIONS CLASSPATH"
        // Start scripts of Tomcat, Kafka, Elasticsearch, WildFly, Spark, Hadoop, JRuby; Log4j
        "JAVACMD JAVA_HOME *JAVA_OPTS *_JAVA_OPTIONS *JVM_OPTS *JVM_ARGS *JVM_OPTIONS CATALINA_* KAFKA_*OPTS \
         ES_PATH_CONF JBOSS_HOME SPARK_HOME SPARK_*_OPTS SPARK_*CLASSPATH PYSPARK_* HADOOP_*OPTS HADOOP_*CLASSPATH \
         HADOOP_CONF_DIR JRUBY_OPTS JYTHONPATH LOG4J_*"
        // Maven, Gradle, Ant, sbt: https://maven.apache.org/configure.html, https://docs.gradle.org/current/userguide/
        "MAVEN_OPTS MAVEN_ARGS MAVEN_DEBUG_OPTS GRADLE_OPTS GRADLE_USER_HOME ANT_OPTS SBT_OPTS"
        // https://docs.spring.io/spring-boot/reference/features/external-config.html, in any case; Quarkus
        "~SPRING_APPLICATION_JSON ~SPRING_CONFIG_* ~LOGGING_CONFIG ~LOADER_PATH ~LOADER_MAIN SMALLRYE_CONFIG_* \
         QUARKUS_CONFIG_*"
        // https://nodejs.org/api/cli.html#environment-variables, ts-node, Electron
        "NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE NODE_CONFIG_DIR TS_NODE_* ELECTRON_RUN_AS_NODE"
        // https://docs.npmjs.com/cli/using-npm/config#environment-variables, pnpm and Yarn, in any case
        "~NPM_CONFIG_* ~PNPM_CONFIG_* ~YARN_YARN_PATH ~YARN_IGNORE_PATH ~YARN_RC_FILENAME ~YARN_PLUGINS"
        // Deno, Bun, esbuild, Puppeteer
        "DENO_DIR DENO_V8_FLAGS BUN_OPTIONS ESBUILD_BINARY_PATH CHROME_PATH PUPPETEER_EXECUTABLE_PATH"
        // https://docs.python.org/3/using/cmdline.html#environment-variables
        "PYTHONSTARTUP PYTHONPATH PYTHONHOME PYTHONINSPECT PYTHONUSERBASE PYTHONBREAKPOINT PYTHONWARNINGS \
         PYTHONEXECUTABLE PYTHONPLATLIBDIR PYTHONPYCACHEPREFIX PYTHON_PRESITE VIRTUAL_ENV"
        // https://pip.pypa.io/en/stable/topics/configuration/, https://docs.astral.sh/uv/reference/environment/
        "PIP_CONFIG_FILE PIP_PYTHON PIP_TARGET PIP_FIND_LINKS UV_CONFIG_FILE UV_ENV_FILE UV_PYTHON"
        // conda, keyring
        "CONDARC CONDA_PREFIX* PYTHON_KEYRING_BACKEND"
        // https://docs.gunicorn.org/en/stable/settings.html, https://www.uvicorn.org/settings/, uWSGI
        "GUNICORN_CMD_ARGS UVICORN_APP UVICORN_APP_DIR UVICORN_LOG_CONFIG UVICORN_ENV_FILE UVICORN_LOOP UVICORN_HTTP \
         UVICORN_WS UWSGI_*"
        // Django, Flask, https://docs.celeryq.dev/en/stable/reference/cli.html, Superset, pgAdmin, dbt
        "DJANGO_SETTINGS_MODULE FLASK_APP WERKZEUG_DEBUG_PIN CELERY_APP CELERY_LOADER CELERY_CONFIG \
         CELERY_CONFIG_MODULE CELERY_WORKDIR SUPERSET_CONFIG_PATH PGADMIN_CONFIG_* DBT_PROFILES_DIR"
        // https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html
        "AIRFLOW_HOME AIRFLOW_CONFIG AIRFLOW__*_CMD AIRFLOW__*CONFIG* AIRFLOW__*_CLASS AIRFLOW__*_FOLDER \
         AIRFLOW__*_CALLABLE AIRFLOW__*_TEMPLATE AIRFLOW__*PICKL* AIRFLOW__CORE__EXECUTOR AIRFLOW__CORE__AUTH_MANAGER \
         AIRFLOW__CORE__XCOM_BACKEND AIRFLOW__*SECRETS__BACKEND AIRFLOW__WORKERS__SECRETS_BACKEND \
         AIRFLOW__EMAIL__EMAIL_BACKEND AIRFLOW__KERBEROS__KINIT_PATH"
        // Jupyter, pytest
        "JUPYTER_CONFIG_DIR JUPYTER_CONFIG_PATH JUPYTER_PATH PYTEST_ADDOPTS PYTEST_PLUGINS"
        // ruby(1), https://guides.rubygems.org/command-reference/, https://bundler.io/man/bundle-config.1.html
        "RUBYOPT RUBYLIB RUBYSHELL RUBYGEMS_GEMDEPS GEM_HOME GEM_PATH BUNDLE_GEMFILE BUNDLE_PATH BUNDLE_APP_CONFIG"
        // perlrun(1)
        "PERLLIB PERL5* PERLIO_DEBUG HARNESS_PERL_SWITCHES"
        // https://www.php.net/manual/en/configuration.file.php, Composer, Laravel
        "PHPRC PHP_INI_SCAN_DIR COMPOSER_HOME APP_CONFIG_CACHE APP_ROUTES_CACHE"
        // https://learn.microsoft.com/dotnet/core/runtime-config/, in any case; MSBuild; mono(1)
        "~COMPLUS_* ~CORECLR_* ~COR_PROFILER* ~COR_ENABLE_PROFILING ~DOTNET_STARTUP_HOOKS ~DOTNET_ADDITIONAL_DEPS \
         ~DOTNET_ROOT* ~DOTNET_GCNAME ~DOTNET_GCPATH ~DOTNET_HOSTINGSTARTUP* ~ASPNETCORE_HOSTINGSTARTUP* ~MSBUILD* \
         MONO_PATH MONO_ENV_OPTIONS"
        // https://www.erlang.org/doc/apps/erts/erl_cmd.html, Elixir, https://www.rabbitmq.com/docs/configure
        "ERL_FLAGS ERL_AFLAGS ERL_ZFLAGS ERL_OTP*_FLAGS ERL_LIBS ERL_ROOTDIR ELIXIR_* RELEASE_VM_ARGS \
         RELEASE_SYS_CONFIG RELEASE_ROOT RABBITMQ_*ERL_ARGS RABBITMQ_CONF_ENV_FILE RABBITMQ_CONFIG_FILE*"
        // https://stat.ethz.ch/R-manual/R-devel/library/base/html/EnvVar.html, reticulate
        "R_PROFILE* R_ENVIRON* R_HOME R_LIBS* RETICULATE_*"
        // https://docs.julialang.org/en/v1/manual/environment-variables/
        "JULIA_DEPOT_PATH JULIA_LOAD_PATH JULIA_PROJECT"
        // lua(1), tclvars(3tcl), Guile, Racket, GHC
        "LUA_INIT* LUA_PATH* LUA_CPATH* TCLLIBPATH TCL_LIBRARY GUILE_LOAD_* PLTCOLLECTS GHCRTS"
        // https://pkg.go.dev/cmd/go#hdr-Environment_variables
        "GOFLAGS GOROOT GOPATH GOTOOLCHAIN GOCACHEPROG"
        // https://doc.rust-lang.org/cargo/reference/environment-variables.html, rustup
        "RUSTC RUSTC_WRAPPER RUSTC_WORKSPACE_WRAPPER RUSTFLAGS CARGO_HOME CARGO_TARGET_* CARGO_BUILD_* RUSTUP_TOOLCHAIN"
        // make(1), gcc(1), pkg-config(1)
        "MAKEFLAGS GNUMAKEFLAGS MAKEFILES GCC_EXEC_PREFIX COMPILER_PATH PKG_CONFIG"
        // OpenMP, CUDA, OpenCL, Open MPI, NCCL: https://www.openmp.org/spec-html/5.2/openmpch21.html
        "OMP_TOOL_LIBRARIES CUDA_INJECTION64_PATH NVTX_INJECTION64_PATH OCL_ICD_VENDORS OMPI_* NCCL_*_PLUGIN"
        // GTK, GLib, Qt, Vulkan, Mesa, GStreamer; D-Bus starts programs; ImageMagick, gs(1)
        "GTK_MODULES GIO_* QT_PLUGIN_PATH VK_ICD_FILENAMES VK_DRIVER_FILES LIBGL_DRIVERS_PATH GST_PLUGIN_* \
         DBUS_SESSION_BUS_ADDRESS MAGICK_* GS_LIB"
        // git(1), git-config(1), git rev-parse --local-env-vars
        "GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT GIT_EXTERNAL_DIFF GIT_PROXY_COMMAND GIT_ASKPASS GIT_EDITOR \
         GIT_SEQUENCE_EDITOR GIT_PAGER GIT_EXEC_PATH GIT_TEMPLATE_DIR GIT_CONFIG* GIT_DIR GIT_COMMON_DIR \
         GIT_WORK_TREE GIT_IMPLICIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES \
         GIT_SHALLOW_FILE GIT_GRAFT_FILE GIT_NAMESPACE GIT_PREFIX GIT_REPLACE_REF_BASE GIT_NO_REPLACE_OBJECTS \
         GIT_INTERNAL_SUPER_PREFIX GIT_ATTR_SOURCE GIT_ALLOW_PROTOCOL GIT_PROTOCOL_FROM_USER GIT_DIFFTOOL_* \
         GIT_TRACE* GIT_TEST_*"
        // ssh(1), ssh-agent(1), rsync(1), rsync-ssl(1)
        "SSH_ASKPASS SSH_ASKPASS_REQUIRE SSH_SK_HELPER SSH_SK_PROVIDER SSH_PKCS11_HELPER RSYNC_RSH RSYNC_CONNECT_PROG"
        // svn(1), cvs(1), hg(1), p4(1), gh help environment
        "SVN_SSH SVN_EDITOR CVS_RSH CVS_SERVER CVSROOT HGRCPATH HGEDITOR HGMERGE P4CONFIG P4EDITOR GH_CONFIG_DIR"
        // psql(1), libpq, mysql(1), MariaDB Connector/C, unixODBC
        "PSQLRC PSQL_EDITOR PSQL_PAGER PSQL_WATCH_PAGER PGSERVICEFILE PGSYSCONFDIR MYSQL_HOME MARIADB_PLUGIN_DIR \
         LIBMYSQL_PLUGIN_DIR ODBCINI ODBCSYSINI ODBCINSTINI"
        // Entry points of the images of PostgreSQL, WordPress, GitLab, nginx
        "POSTGRES_INITDB_ARGS WORDPRESS_CONFIG_EXTRA GITLAB_OMNIBUS_CONFIG NGINX_ENVSUBST_*"
        // openssl-env(7), p11-kit, krb5.conf(5), Cyrus SASL
        "OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES P11_KIT_* PKCS11_MODULE_PATH KRB5_CONFIG* GSS_MECH_CONFIG \
         SASL_PATH"
        // gpg(1), pass(1), curl(1), wget(1), restic, rclone, borg
        "GNUPGHOME PASSWORD_STORE_EXTENSIONS_DIR CURL_HOME WGETRC WGET_ASKPASS RESTIC_PASSWORD_COMMAND RCLONE_CONFIG \
         RCLONE_*_COMMAND BORG_RSH BORG_PASSCOMMAND BORG_REMOTE_PATH"
        // https://docs.docker.com/reference/cli/docker/#environment-variables, containers.conf(5)
        "DOCKER_CONFIG COMPOSE_FILE CONTAINERS_CONF* REGISTRY_AUTH_FILE"
        // kubectl, https://helm.sh/docs/helm/helm/
        "KUBECONFIG KUBE_CONFIG_PATH* KUBECTL_EXTERNAL_DIFF KUBE_EDITOR HELM_PLUGINS"
        // https://developer.hashicorp.com/terraform/cli/config/environment-variables, OpenTofu, Packer, Pulumi
        "TF_CLI_CONFIG_FILE TF_CLI_ARGS* TF_REATTACH_PROVIDERS TF_ENCRYPTION PACKER_PLUGIN_PATH PULUMI_HOME"
        // https://docs.ansible.com/ansible/latest/reference_appendices/config.html
        "ANSIBLE_CONFIG ANSIBLE_LIBRARY ANSIBLE_*_PLUGINS ANSIBLE_*_PATH ANSIBLE_INVENTORY ANSIBLE_*INTERPRETER* \
         ANSIBLE_*EXECUTABLE ANSIBLE_SSH_*ARGS ANSIBLE_VAULT_PASSWORD_FILE"
        // https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html, gcloud topic startup, Azure CLI
        "AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_PAGER AWS_DATA_PATH AWS_LAMBDA_EXEC_WRAPPER BOTO_CONFIG \
         CLOUDSDK_CONFIG CLOUDSDK_PYTHON GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES AZURE_CONFIG_DIR"
        // Flyway, Liquibase, New Relic, the images of linuxserver.io
        "FLYWAY_JAR_DIRS FLYWAY_CONFIG_FILES LIQUIBASE_DEFAULTS_FILE DOCKER_MODS NEW_RELIC_CONFIG_FILE"
    },
];

#[cfg(test)]
mod tests;
