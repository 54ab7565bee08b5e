//! What a key is called as a variable, and what its value may be.

use serde_json::json;

use crate::support::vault::TestVault;

#[test]
fn keys_become_names() {
    for vault in TestVault::each() {
        let keys = [("postgres_user", "1"), ("foo-bar", "2"), ("a.b c/d", "3"), ("é", "4"), ("_1", "5"), ("UP", "6")];
        let outcome = vault.secret("a", keys).path("a").args(["--pristine"]).environ();
        outcome.has_only(["POSTGRES_USER=1", "FOO_BAR=2", "A_B_C_D=3", "__=4", "_1=5", "UP=6"]);
    }
}

#[test]
fn case_keep_and_prefix_change_names() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("dbUser", "1"), ("foo-bar", "2")]).path("a").args(["--pristine"]);
        vault.clone().args(["--case", "keep"]).environ().has_only(["dbUser=1", "foo_bar=2"]);
        vault.clone().args(["--prefix", "App_"]).environ().has_only(["App_DBUSER=1", "App_FOO_BAR=2"]);
        let both = vault.clone().args(["--case", "keep", "--prefix", "App_"]);
        both.environ().has_only(["App_dbUser=1", "App_foo_bar=2"]);
        vault.args(["--prefix", "1x"]).fails("vault-exec: --prefix: `1x`: expected the start of a variable name: letters, digits and `_`, no digit first\n");
    }
}

#[test]
fn a_path_has_a_prefix_of_its_own() {
    for vault in TestVault::each() {
        let vault = vault.secret("db", [("user", "1")]).secret("app", [("user", "2")]).secret("x=y", [("user", "3")]);
        let vault = vault.args(["--pristine", "--prefix", "P_", "--optional-path", "Db2_={kv}/db"]);
        vault.clone().path("app").environ().has_only(["Db2_USER=1", "P_USER=2"]);
        vault.clone().args(["--path", "={kv}/app"]).environ().has_only(["Db2_USER=1", "USER=2"]);
        vault.clone().path("x=y").environ().has_only(["Db2_USER=1", "P_USER=3"]);
        vault.clone().args(["--path", "X={kv}/x=y"]).environ().has_only(["Db2_USER=1", "XUSER=3"]);
        let variable = vault.clone().env("VAULT_EXEC_PATH", "A_={kv}/app,B_={kv}/db,C_={kv}/app");
        variable.environ().has_only(["Db2_USER=1", "A_USER=2", "B_USER=1", "C_USER=2"]);
        vault.args(["--path", "1_={kv}/app"]).fails(
            "vault-exec: --path: `1_={kv}/app`: expected the start of a variable name: letters, digits and `_`, \
             no digit first\n",
        );
    }
}

#[test]
fn two_keys_of_one_path_with_one_name_are_an_error() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("Foo", "1"), ("foo", "2")]).path("a");
        vault.fails(
            "vault-exec: {kv}/a: keys `Foo` and `foo` would both become FOO\n\
             hint: leave one out with --skip 'Foo', or keep both with --case keep\n",
        );
        vault.clone().args(["--skip", "Foo"]).environ().has("FOO", "2");
        vault.args(["--case", "keep"]).environ().has("Foo", "1").has("foo", "2");
    }
}

#[test]
fn the_hint_names_case_keep_only_if_it_helps() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("foo-bar", "1"), ("foo_bar", "2")]).path("a");
        vault.fails(
            "vault-exec: {kv}/a: keys `foo-bar` and `foo_bar` would both become FOO_BAR\n\
             hint: leave one out with --skip 'foo-bar'\n",
        );
        vault.args(["--case", "keep"]).fails(
            "vault-exec: {kv}/a: keys `foo-bar` and `foo_bar` would both become foo_bar\n\
             hint: leave one out with --skip 'foo-bar'\n",
        );
    }
}

#[test]
fn a_key_without_a_valid_name_is_an_error() {
    for vault in TestVault::each() {
        let vault = vault.secret("digit", [("1st", "v")]).secret("empty", [("", "v")]);
        vault.clone().path("digit").fails(
            "vault-exec: {kv}/digit: key `1st` would become a name that starts with a digit\n\
             hint: give --prefix, or leave it out with --skip '1st'\n",
        );
        vault.clone().path("digit").args(["--prefix", "THE_"]).environ().has("THE_1ST", "v");
        vault.clone().path("empty").fails(
            "vault-exec: {kv}/empty: key `` would become an empty name\n\
             hint: give --prefix, or rename the key\n",
        );
        vault.path("empty").args(["--prefix", "P"]).environ().has("P", "v");
    }
}

#[test]
fn null_is_an_error() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", json!({"k": null, "l": ""})).path("a");
        vault.fails(
            "vault-exec: {kv}/a: key `k` is null\n\
             hint: give it a value (\"\" is one), or leave it out with --skip 'k'\n",
        );
        vault.args(["--skip", "k"]).environ().lacks("K").has("L", "");
    }
}

#[test]
fn a_nul_byte_in_a_value_is_an_error() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", json!({"k": "before\0after", "l": "v"})).path("a");
        vault.fails(
            "vault-exec: {kv}/a: key `k` contains a NUL byte, which no variable can\n\
             hint: store it base64-encoded, or leave it out with --skip 'k'\n",
        );
        vault.args(["--skip", "k"]).environ().lacks("K").has("L", "v");
    }
}

#[test]
fn a_secret_without_keys_is_an_error() {
    // KV version 1 refuses to store one.
    TestVault::kv2().secret("a", json!({})).path("a").fails(
        "vault-exec: {kv}/a: the secret has no keys\n\
         hint: add a key to it, or leave the path out\n",
    );
}

#[test]
fn values_other_than_strings_are_passed_as_json() {
    for vault in TestVault::each() {
        let vault =
            vault.secret("a", r#"{"i":42,"f":-1.5,"t":true,"f_":false,"a":[1,"x",null],"o":{"b":{"c":2}},"z":0}"#);
        let outcome = vault.path("a").environ().has("I", "42").has("T", "true").has("F_", "false").has("Z", "0");
        outcome.has("F", "-1.5").has("A", r#"[1,"x",null]"#).has("O", r#"{"b":{"c":2}}"#);
    }
}

/// As the server sends them: KV version 2 itself rounds them, and `1e400` neither takes.
#[test]
fn numbers_keep_every_digit() {
    let vault = TestVault::kv1().secret("a", r#"{"big":12345678901234567890,"price":1.50}"#).path("a");
    vault.environ().has("BIG", "12345678901234567890").has("PRICE", "1.50");
}

#[test]
fn strings_are_passed_byte_for_byte() {
    let strings = [
        "",
        " leading and trailing \t",
        "one\ntwo\r\n\n",
        "\u{feff}ü ñ 日本 😀 \u{202e}",
        r#""double" 'single' `tick` \back\n"#,
        "$HOME $(id) ${x:-y} %s !x * ?",
        "a=b=c",
        "<&>\u{2028}",
        "\u{1}\u{7f}\u{1b}[31m",
        "-----BEGIN KEY-----\nMII\n-----END KEY-----\n",
    ];
    let keys: serde_json::Map<_, _> =
        strings.iter().enumerate().map(|(index, text)| (format!("k{index}"), json!(text))).collect();
    for vault in TestVault::each() {
        let mut outcome = vault.secret("a", serde_json::Value::Object(keys.clone())).path("a").environ();
        for (index, text) in strings.iter().enumerate() {
            outcome = outcome.has(format!("K{index}"), text);
        }
    }
}

/// `MAX_ARG_STRLEN`, which the name, the `=` and the NUL count towards.
const LONGEST: usize = 131_072;

/// A row of [`crate::faults`].
pub(crate) fn the_longest_string_of_the_kernel_is_passed() {
    let fits = "x".repeat(LONGEST - "BIG=\0".len());
    for vault in TestVault::each() {
        let vault = vault.secret("fits", [("big", fits.as_str())]).secret("over", [("big", &*format!("{fits}x"))]);
        vault.clone().path("fits").environ().has("BIG", &fits);
        vault.path("over").fails(
            "vault-exec: longer than the kernel limit of 128 KiB: BIG\n\
             hint: leave it out with --skip, or make it a file with --file\n",
        );
    }
}

/// A row of [`crate::faults`].
pub(crate) fn too_long_strings_are_sorted_by_size() {
    let [middle, large, small] = [150, 200, 10].map(|kib| "x".repeat(kib * 1024 - 10));
    let vault = TestVault::kv2().secret("a", [("middle", middle.as_str()), ("large", &large), ("small", &small)]);
    vault.path("a").fails(
        "vault-exec: longer than the kernel limit of 128 KiB: LARGE, MIDDLE\n\
         hint: leave it out with --skip, or make it a file with --file\n",
    );
}

/// A row of [`crate::faults`].
pub(crate) fn the_largest_block_of_the_kernel_is_passed() {
    let limit = 1024 * 1024 / 4;
    let pointer = size_of::<usize>();
    let program = 2 * "/bin/true\0".len() + pointer;
    let [a, b] = ["x".repeat(100_000), "x".repeat(90_000)];
    let taken = program + ["A=\0", "B=\0", "C=\0"].map(|text| text.len() + pointer).iter().sum::<usize>();
    let c = "x".repeat(limit - taken - a.len() - b.len());
    let over = format!("{c}x");
    let small_stack = r#"ulimit -s 1024; exec "$@""#;
    for vault in TestVault::each() {
        let vault = vault
            .secret("fits", [("a", a.as_str()), ("b", &b), ("c", &c)])
            .secret("over", [("a", a.as_str()), ("b", &b), ("c", &over)])
            .args(["--pristine"])
            .under_sh(small_stack);
        vault.clone().path("fits").run(["/bin/true"]).exits(0).stderr_is("");
        vault.path("over").run(["/bin/true"]).exits(125).stderr_is(
            "vault-exec: arguments and environment exceed the kernel limit of 256 KiB; the largest: A, B, C\n\
             hint: leave keys out with --skip, or start from --pristine\n",
        );
    }
}

#[test]
fn dangerous_names_are_refused() {
    let refused = "LD_PRELOAD LD_AUDIT DYLD_INSERT_LIBRARIES GCONV_PATH PATH HOME IFS ENV BASH_ENV BASH_FUNC_ls \
                   SHELLOPTS PS4 PROMPT_COMMAND NODE_OPTIONS PYTHONSTARTUP PYTHONPATH PYTHONHOME PERL5OPT PERL5LIB \
                   RUBYOPT RUBYLIB JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS GIT_SSH_COMMAND \
                   GIT_EXTERNAL_DIFF MALLOC_CHECK_ GLIBC_TUNABLES";
    let vault = TestVault::kv2();
    for name in refused.split_whitespace() {
        let vault = vault.clone().secret("a", [(name, "/tmp/x")]).path("a").args(["--case", "keep"]);
        vault.fails(&format!(
            "vault-exec: {{kv}}/a: key `{name}` would become {name}, which can make a program run code\n\
             hint: leave it out with --skip '{name}'; --allow-name {name}, or --set on the command line, permits it\n"
        ));
    }
}

/// The message says what each class of names can do.
#[test]
fn nested_clients_trust_anchors_and_families_in_any_case_are_refused() {
    let classes = [
        (
            "which steers a Vault client",
            "vault_exec_set vault_exec_address VAULT_ADDR vault_agent_addr vault_http_proxy vault_proxy_addr vault_cacert \
             vault_skip_verify vault_namespace vault_client_cert vault_tls_server_name bao_addr bao_namespace \
             bao_token_path vault_token_file vault_jwt_file vault_role_id_file vault_secret_id_file vault_password_file \
             vault_srv_lookup vault_max_retries airflow__workers__secrets_backend_kwargs",
        ),
        (
            "which can change whom a program trusts",
            "ssl_cert_file ssl_cert_dir curl_ca_bundle requests_ca_bundle node_extra_ca_certs pgsslrootcert res_options",
        ),
        (
            "which can make a program run code",
            "git_dir openj9_java_options dotnet_root mono_path erl_libs r_libs_user julia_depot_path rubygems_gemdeps \
             omp_tool_libraries cuda_injection64_path bash_loadables_path rsync_rsh svn_ssh psql_editor pgservicefile \
             aws_pager kube_editor kubectl_external_diff ssh_sk_helper docker_config hgrcpath fcedit uvicorn_app_dir \
             kubeconfig tmpdir airflow__webserver__config_file npm_config_script_shell cc ldflags rustc_wrapper \
             cargo_encoded_rustflags cmake_toolchain_file gh_pager bat_pager m2_home pip_requirement uv_constraint \
             coverage_process_start vimruntime qt_plugin_path hdf5_plugin_path goenv goauth cloudsdk_python_args",
        ),
    ];
    let vault = TestVault::kv2();
    for (class, names) in classes {
        let keys: serde_json::Map<_, _> = names.split_whitespace().map(|name| (name.into(), json!("/x"))).collect();
        let vault = vault.clone().secret("a", serde_json::Value::Object(keys)).path("a");
        let outcome = vault.args(["--check", "--format", "json"]).alone().exits(125);
        let report: serde_json::Value = serde_json::from_slice(&outcome.stdout).unwrap();
        let problems: Vec<_> =
            report["problems"].as_array().unwrap().iter().map(|problem| &problem["message"]).collect();
        assert_eq!(report["variables"], json!([]), "{outcome}");
        for name in names.split_whitespace() {
            let upper = name.to_uppercase();
            let message = outcome.fill(&format!("{{kv}}/a: key `{name}` would become {upper}, {class}"));
            assert!(problems.contains(&&json!(message)), "{message} {outcome}");
        }
    }
    for name in ["Npm_Config_Script_Shell", "DOTNET_GCPath", "Spring_Config_Location"] {
        let vault = vault.clone().secret("a", [(name, "/x")]).path("a").args(["--case", "keep"]);
        let outcome = vault.run(["true"]).exits(125);
        assert!(outcome.stderr.contains(&format!("{name}, which can make a program run code")), "{outcome}");
    }
}

#[test]
fn the_command_line_and_ordinary_names_are_permitted() {
    let keys = [
        ("vault_token", "t"),
        ("bao_secret_id", "s"),
        ("pgsslmode", "verify-full"),
        ("http_proxy", "http://x"),
        ("uv_index_mine_password", "p"),
        ("gh_token", "g"),
    ];
    let vault = TestVault::kv2().secret("a", keys).path("a").args(["--set", "VAULT_ADDR={vault_token}"]);
    let outcome = vault.environ().has("VAULT_TOKEN", "t").has("BAO_SECRET_ID", "s").has("VAULT_ADDR", "t");
    let outcome = outcome.has("PGSSLMODE", "verify-full").has("HTTP_PROXY", "http://x");
    outcome.has("UV_INDEX_MINE_PASSWORD", "p").has("GH_TOKEN", "g");
}

#[test]
fn each_dangerous_name_is_allowed_by_itself() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("node_options", "--x"), ("rubyopt", "-w")]).path("a");
        vault.clone().args(["--allow-name", "NODE_OPTIONS"]).fails(
            "vault-exec: {kv}/a: key `rubyopt` would become RUBYOPT, which can make a program run code\n\
             hint: leave it out with --skip 'rubyopt'; --allow-name RUBYOPT, or --set on the command line, \
             permits it\n",
        );
        let vault = vault.args(["--allow-name", "NODE_OPTIONS"]);
        vault.clone().args(["--allow-name", "RUBYOPT"]).environ().has("NODE_OPTIONS", "--x").has("RUBYOPT", "-w");
        vault.clone().args(["--skip", "rubyopt"]).environ().has("NODE_OPTIONS", "--x").lacks("RUBYOPT");
        vault.args(["--allow-name", "A-B"]).fails(
            "vault-exec: --allow-name: `A-B`: expected a variable name: letters, digits and `_`, no digit first\n",
        );
    }
}

#[test]
fn a_prefix_or_the_case_can_make_a_dangerous_name_harmless() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("path", "/x")]).path("a");
        vault.clone().args(["--prefix", "APP_"]).environ().has("APP_PATH", "/x");
        vault.args(["--case", "keep"]).environ().has("path", "/x");
    }
}
