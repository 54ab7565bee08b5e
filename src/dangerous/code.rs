//! `[pure]` Names that make a program run code. One text for each program, below its source.

use super::table::{Table, table};

/// See [`Danger::Code`](super::Danger::Code).
#[rustfmt::skip]
pub(super) const CODE: Table = table! {
    // https://developer.hashicorp.com/vault/docs/commands/token-helper; configuration in the images of the servers
    "VAULT_CONFIG_PATH VAULT_LOCAL_CONFIG"
    // Loaders: ld.so(8), dyld(1); IRIX, HP-UX and AIX in env_delete of sudo
    "LD_* DYLD_* _RLD* SHLIB_PATH LDR_* LIBPATH"
    // glibc: sysdeps/generic/unsecvars.h, iconv(1), locale(7), mallopt(3); jemalloc
    "GCONV_PATH GETCONF_DIR GLIBC_TUNABLES LOCPATH LANGUAGE PATH_LOCALE NLSPATH TZDIR TMPDIR MALLOC_* _RJEM_MALLOC_CONF"
    // https://github.com/google/sanitizers/wiki/SanitizerCommonFlags
    "*SAN_OPTIONS *_SYMBOLIZER_PATH"
    // Shells and execvp: sh(1p), bash(1), zshparam(1), readline(3); PowerShell in any case
    "PATH HOME *SHELL IFS ENV CDPATH FPATH FCEDIT MAILPATH PS0 PS1 PS2 PS3 PS4 BASH_ENV BASH_FUNC_* \
     BASH_LOADABLES_PATH BASHOPTS SHELLOPTS GLOBIGNORE *HISTFILE *_HISTORY INPUTRC ZDOTDIR NULLCMD \
     READNULLCMD TMPPREFIX ~PSMODULEPATH"
    // https://specifications.freedesktop.org/basedir-spec/latest/; the state directory holds vault-exec's own trust
    "XDG_*"
    // Commands, editors, pagers, browsers, password prompts and directories of any program: environ(7), ssh(1)
    "*_COMMAND *_CMD EDITOR VISUAL *_EDITOR *PAGER *BROWSER *ASKPASS *_HOME"
    // vim(1), nvim(1), emacs(1), less(1), more(1), man(1), groff(1), bat(1), systemd(1)
    "EXINIT *VIMINIT VIM VIMRUNTIME NVIM_* EMACS* LESS LESS_* LESSOPEN LESSCLOSE LESSKEY* LESSEDIT LESSGLOBALTAGS \
     LESSECHO LESSMETA* LESSSECURE* MORE MANLESS MANOPT MANPATH MANROFF* GROFF_* BAT_* SYSTEMD_*"
    // terminfo(5), screen(1), tmux(1), mailx(1), tex(1)
    "TERMINFO TERMINFO_DIRS TERMCAP TERMPATH SCREENRC SYSSCREENRC SCREENDIR TMUX TMUX_TMPDIR MAILRC MAILCAPS TEXMF* \
     TEXINPUTS"
    // apt.conf(5), dpkg(1), debconf(7)
    "APT_CONFIG DPKG_* DEBIAN_FRONTEND DEBCONF_*"
    // Options and commands in variables: tar, zip(1), gawk(1), rg(1), fzf(1)
    "TAR_OPTIONS ZIPOPT AWKPATH RIPGREP_CONFIG_PATH FZF_*"
    // java(1), https://eclipse.dev/openj9/docs/env_var/
    "JAVA JAVA_TOOL_OPTIONS _JAVA_* JDK_JAVAC_OPTIONS CLASSPATH"
    // Start scripts of Tomcat, Kafka, Solr, Cassandra, Elasticsearch, WildFly, Spark, Hadoop, install4j; Log4j
    "JAVACMD JAVA_ARGS *JAVA_OPTIONS *_OPTS *JVM_ARGS *JVM_OPTIONS *JVMFLAGS CATALINA_* SOLR_INCLUDE \
     CASSANDRA_INCLUDE ES_PATH_CONF SPARK_*CLASSPATH PYSPARK_* HADOOP_*CLASSPATH HADOOP_CONF_DIR \
     INSTALL4J_* JYTHONPATH LOG4J_*"
    // Maven, Ant: https://maven.apache.org/configure.html
    "MAVEN_ARGS ANT_ARGS"
    // https://docs.spring.io/spring-boot/reference/features/external-config.html, in any case; Quarkus
    "~SPRING_APPLICATION_JSON ~SPRING_CONFIG_* ~LOGGING_CONFIG ~LOADER_PATH ~LOADER_MAIN SMALLRYE_CONFIG_* \
     QUARKUS_CONFIG_*"
    // https://nodejs.org/api/cli.html#environment-variables, ts-node, Electron
    "NODE_OPTIONS NODE_PATH NODE_REPL_EXTERNAL_MODULE NODE_CONFIG_* NODE_GYP_* NODE_COMPILE_CACHE NODE_V8_COVERAGE \
     NODE_REDIRECT_WARNINGS NVM_DIR TS_NODE_* ELECTRON_RUN_AS_NODE"
    // https://docs.npmjs.com/cli/using-npm/config#environment-variables, pnpm and Yarn, in any case; Corepack
    "~NPM_CONFIG_* ~PNPM_CONFIG_* ~YARN_YARN_PATH ~YARN_IGNORE_PATH ~YARN_RC_FILENAME ~YARN_PLUGINS COREPACK_*"
    // Deno, Bun, esbuild, Puppeteer
    "DENO_DIR DENO_V8_FLAGS BUN_OPTIONS ESBUILD_BINARY_PATH CHROME_PATH PUPPETEER_EXECUTABLE_PATH"
    // https://docs.python.org/3/using/cmdline.html#environment-variables
    "PYTHONSTARTUP PYTHONPATH PYTHONHOME PYTHONINSPECT PYTHONUSERBASE PYTHONBREAKPOINT PYTHONWARNINGS \
     PYTHONEXECUTABLE PYTHONPLATLIBDIR PYTHONPYCACHEPREFIX PYTHON_PRESITE VIRTUAL_ENV"
    // Every option: https://pip.pypa.io/en/stable/topics/configuration/, https://docs.astral.sh/uv/reference/
    // environment/, https://python-poetry.org/docs/configuration/; see DATA for the rest of these families
    "PIP_* UV_* POETRY_*"
    // conda, pyenv, rbenv, virtualenv, tox, keyring
    "CONDARC CONDA_PREFIX* PYENV_* RBENV_* VIRTUALENV_* TOX_* PYTHON_KEYRING_BACKEND"
    // https://docs.gunicorn.org/en/stable/settings.html, https://www.uvicorn.org/settings/, uWSGI
    "GUNICORN_CMD_ARGS UVICORN_APP UVICORN_APP_DIR UVICORN_LOG_CONFIG UVICORN_ENV_FILE UVICORN_LOOP UVICORN_HTTP \
     UVICORN_WS UWSGI_*"
    // Django, Scrapy, Flask, https://docs.celeryq.dev/en/stable/reference/cli.html, Superset, pgAdmin, dbt
    "*_SETTINGS_MODULE FLASK_APP FLASK_*FILE WERKZEUG_DEBUG_PIN CELERY_APP CELERY_LOADER CELERY_CONFIG \
     CELERY_CONFIG_MODULE CELERY_CUSTOM_WORKER_POOL CELERY_WORKDIR SUPERSET_CONFIG_PATH PGADMIN_CONFIG_* \
     DBT_PROFILES_DIR"
    // https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html
    "AIRFLOW_CONFIG AIRFLOW__*CONFIG* AIRFLOW__*_CLASS* AIRFLOW__*_FOLDER AIRFLOW__*_FILE AIRFLOW__*_PATH \
     AIRFLOW__*_CALLABLE AIRFLOW__*_TEMPLATE AIRFLOW__*_HANDLER AIRFLOW__*_RUNNER AIRFLOW__*PICKL* \
     AIRFLOW__*CONNECT_ARGS AIRFLOW__*LINEAGE__* AIRFLOW__CORE__EXECUTOR AIRFLOW__CORE__AUTH_MANAGER \
     AIRFLOW__CORE__XCOM_BACKEND AIRFLOW__SECRETS__* AIRFLOW__WORKERS__SECRETS_* AIRFLOW__EMAIL__EMAIL_BACKEND \
     AIRFLOW__SENTRY__BEFORE_SEND"
    // Jupyter, Matplotlib, Hugging Face, pytest, coverage
    "JUPYTER_*DIR JUPYTER_*PATH IPYTHONDIR MPLBACKEND MPLCONFIGDIR MATPLOTLIBRC HF_*TRUST_REMOTE_CODE HF_MODULES_CACHE \
     PYTEST_ADDOPTS PYTEST_PLUGINS COVERAGE_PROCESS_* COVERAGE_RCFILE"
    // ruby(1), https://guides.rubygems.org/command-reference/, https://bundler.io/man/bundle-config.1.html
    "RUBYOPT RUBYLIB IRBRC GEMRC RUBYGEMS_GEMDEPS GEM_PATH BUNDLE_GEMFILE BUNDLE_PATH BUNDLE_APP_CONFIG"
    // perlrun(1), perldebug(1), ExtUtils::MakeMaker, Test::Harness
    "PERLLIB PERL5* PERL_*OPT PERL_RL PERLIO_DEBUG HARNESS_PERL* HARNESS_SUBCLASS HARNESS_OPTIONS"
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
    "LUA_INIT* LUA_PATH* LUA_CPATH* TCLLIBPATH TCL*_TM_PATH TCL_LIBRARY GUILE_LOAD_* PLTCOLLECTS GHCRTS"
    // https://pkg.go.dev/cmd/go#hdr-Environment_variables
    "GOENV GOFLAGS GOROOT GOPATH GOTOOLCHAIN GOCACHE* GOAUTH CGO_*"
    // https://doc.rust-lang.org/cargo/reference/environment-variables.html, rustup
    "RUSTC RUSTC_* RUSTDOC RUSTDOCFLAGS *RUSTFLAGS CARGO_TARGET_* CARGO_BUILD_* CARGO_ALIAS_* \
     CARGO_*CREDENTIAL_* RUSTUP_TOOLCHAIN"
    // make(1) and the variables of its implicit rules, https://www.gnu.org/software/make/manual/
    "*MAKEFLAGS MAKEFILES AR AS CC CXX CPP FC LD LEX YACC LINT RM GET CO PC M2C MAKEINFO TEX TEXI2DVI WEAVE CWEAVE \
     TANGLE CTANGLE ARFLAGS ASFLAGS FFLAGS LFLAGS YFLAGS LDLIBS LOADLIBES TARGET_ARCH TARGET_MACH"
    // gcc(1), the crates cc, bindgen, prost and PyO3, distutils, the build of Linux
    "*CFLAGS *CXXFLAGS *CPPFLAGS *LDFLAGS CC_* CXX_* CFLAGS_* CXXFLAGS_* ~AR_*LINUX* ~AR_*UNKNOWN* HOST_CC HOST_CXX \
     HOST_AR TARGET_CC TARGET_CXX TARGET_AR LDSHARED LDCXXSHARED LIBCLANG_PATH PROTOC* PYO3_* CROSS_COMPILE \
     GCC_EXEC_PREFIX COMPILER_PATH LIBRARY_PATH CPATH *_INCLUDE_PATH DEPENDENCIES_OUTPUT SUNPRO_DEPENDENCIES"
    // pkg-config(1), cmake-env-variables(7), ccache(1), Autoconf
    "PKG_CONFIG* CMAKE CMAKE_* CCACHE_PREFIX* CCACHE_COMPILER* CCACHE_PATH CCACHE_CONFIGPATH CONFIG_SITE"
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
     GIT_TEST_* GITPERLLIB MERGE_TOOLS_DIR"
    // ssh(1), ssh-agent(1), rsync(1), rsync-ssl(1)
    "SSH_ASKPASS_REQUIRE SSH_SK_HELPER SSH_SK_PROVIDER SSH_PKCS11_HELPER RSYNC_RSH RSYNC_CONNECT_PROG"
    // svn(1), cvs(1), hg(1), bzr(1), p4(1), gh help environment, glab(1)
    "SVN_SSH CVS_RSH CVS_SERVER CVSROOT CVSEDITOR HGRCPATH HGEDITOR HGMERGE BZR_SSH P4CONFIG P4EDITOR \
     GH_CONFIG_DIR GH_PATH GLAB_CONFIG_DIR"
    // psql(1), libpq, whose key can be one of an engine, mysql(1), MariaDB Connector/C, unixODBC
    "PSQLRC PGSERVICEFILE PGSYSCONFDIR PGSSLKEY ODBCINI ODBCSYSINI ODBCINSTINI"
    // Entry points of the images of PostgreSQL, WordPress, GitLab, nginx
    "POSTGRES_INITDB_ARGS WORDPRESS_CONFIG_EXTRA GITLAB_OMNIBUS_CONFIG NGINX_ENVSUBST_*"
    // openssl-env(7), p11-kit, krb5.conf(5), Cyrus SASL
    "OPENSSL_CONF OPENSSL_MODULES OPENSSL_ENGINES P11_KIT_* PKCS11_MODULE_PATH KRB5_CONFIG* GSS_MECH_CONFIG \
     SASL_*PATH"
    // gpg(1), pass(1), curl(1), wget(1), restic, rclone, borg
    "GNUPGHOME PASSWORD_STORE_EXTENSIONS_DIR *WGETRC RCLONE_CONFIG \
     RCLONE_*_SSH RCLONE_METADATA_MAPPER BORG_RSH BORG_PASSCOMMAND BORG_REMOTE_PATH"
    // https://docs.docker.com/reference/cli/docker/#environment-variables, containers.conf(5)
    "DOCKER_CONFIG COMPOSE_FILE COMPOSE_ENV_FILES CONTAINERS_CONF* REGISTRY_AUTH_FILE"
    // kubectl, https://helm.sh/docs/helm/helm/
    "KUBECONFIG KUBE_CONFIG_PATH* KUBECTL_EXTERNAL_DIFF HELM_PLUGINS"
    // https://developer.hashicorp.com/terraform/cli/config/environment-variables, OpenTofu, Packer, Pulumi
    "TF_CLI_CONFIG_FILE TERRAFORM_CONFIG PACKER_* TF_CLI_ARGS* TF_DATA_DIR TF_LOG_PATH \
     TF_PLUGIN_CACHE_* TF_REATTACH_PROVIDERS TF_ENCRYPTION"
    // https://docs.ansible.com/ansible/latest/reference_appendices/config.html
    "ANSIBLE_CONFIG ANSIBLE_LIBRARY ANSIBLE_*_PLUGINS ANSIBLE_*_PATH ANSIBLE_INVENTORY ANSIBLE_*INTERPRETER* \
     ANSIBLE_*EXECUTABLE ANSIBLE_SSH_*ARGS ANSIBLE_VAULT_PASSWORD_FILE"
    // https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html, gcloud topic startup, Azure CLI
    "AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_DATA_PATH AWS_LAMBDA_EXEC_WRAPPER BOTO_CONFIG \
     CLOUDSDK_CONFIG CLOUDSDK_*PYTHON* GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES AZURE_CONFIG_DIR"
    // Flyway, Liquibase, New Relic, the images of linuxserver.io
    "FLYWAY_JAR_DIRS FLYWAY_CONFIG_FILES LIQUIBASE_DEFAULTS_FILE DOCKER_MODS NEW_RELIC_CONFIG_FILE"
};
