//! Reading secrets, and errors of reads.

use serde_json::json;

use crate::support::fake_server::{FakeServer, Reply};
use crate::support::vault::{DOUBTED, TestVault};

#[test]
fn a_secret_becomes_variables() {
    for vault in TestVault::each() {
        let vault = vault.secret("airflow", [("postgres_user", "airflow"), ("postgres_db", "main")]);
        vault.path("airflow").environ().has("POSTGRES_USER", "airflow").has("POSTGRES_DB", "main");
    }
}

#[test]
fn a_version_can_be_pinned() {
    let vault = TestVault::kv2().secret("a", [("k", "one")]).secret("a", [("k", "two")]);
    vault.clone().path("a").environ().has("K", "two");
    vault.clone().path("a@1").environ().has("K", "one");
    vault.clone().path("a@2").environ().has("K", "two");
    vault.clone().path("a@2").path("a@1").environ().has("K", "one");
    vault.path("a@3").fails(
        "vault-exec: read {kv}/a: version 3 does not exist\n\
         hint: `vault kv metadata get {kv}/a` lists the versions\n",
    );
}

#[test]
fn kv_v1_has_no_versions_to_pin() {
    let vault = TestVault::kv1().secret("a", [("k", "v")]).path("a@1");
    vault.fails(
        "vault-exec: read {kv}/a: a version is pinned, but the secret is in KV version 1, which has no versions\n\
         hint: leave out the @ and the version\n",
    );
    vault
        .args(["--kv", "1"])
        .fails("vault-exec: --path: `{kv}/a@1`: expected a path without a version, which --kv 1 excludes\n");
}

#[test]
fn an_absent_secret_is_an_error() {
    for vault in TestVault::each() {
        vault.secret("present", [("k", "v")]).path("present").path("team/absent").fails(
            "vault-exec: read {kv}/team/absent: no such secret\n\
             hint: `vault kv list {kv}/team` lists the secrets; --optional-path allows it to be missing\n",
        );
    }
}

#[test]
fn a_deleted_version_is_told_from_an_absent_one() {
    let vault = TestVault::kv2().secret("a", [("k", "one")]).secret("a", [("k", "two")]);
    let vault = vault.posted("{kv}/delete/a", &json!({"versions": [2]}));
    vault.clone().path("a").fails(
        "vault-exec: read {kv}/a: version 2 is deleted\n\
         hint: `vault kv undelete -versions=2 {kv}/a` restores it; @N pins another version\n",
    );
    vault.clone().path("a@1").environ().has("K", "one");
    vault.posted("{kv}/undelete/a", &json!({"versions": [2]})).path("a").environ().has("K", "two");
}

#[test]
fn a_destroyed_version_is_told_from_a_deleted_one() {
    let vault = TestVault::kv2().secret("a", [("k", "one")]).secret("a", [("k", "two")]);
    let vault = vault.posted("{kv}/destroy/a", &json!({"versions": [1]}));
    vault.clone().path("a@1").fails(
        "vault-exec: read {kv}/a: version 1 is destroyed\n\
         hint: write a new version, or pin another one with @N\n",
    );
    vault.path("a").environ().has("K", "two");
}

#[test]
fn an_optional_secret_may_be_absent_deleted_or_destroyed() {
    for vault in TestVault::each() {
        vault.args(["--optional-path", "{kv}/absent"]).environ();
    }
    let vault = TestVault::kv2()
        .secret("there", [("k", "there")])
        .secret("deleted", [("k", "deleted")])
        .posted("{kv}/delete/deleted", &json!({"versions": [1]}))
        .secret("destroyed", [("k", "destroyed")])
        .posted("{kv}/destroy/destroyed", &json!({"versions": [1]}));
    let vault = vault.path("there").args(["--optional-path", "{kv}/deleted", "--optional-path", "{kv}/destroyed"]);
    vault.args(["--optional-path", "{kv}/there@7"]).environ().has("K", "there");
}

#[test]
fn a_mount_that_does_not_exist_is_an_error_even_if_optional() {
    for option in ["--path", "--optional-path"] {
        TestVault::kv2().args([option, "nothing/a"]).fails(
            "vault-exec: read nothing/a: the mount does not exist, or the token lacks the permission (403)\n\
             hint: `vault secrets list` lists the mounts; is the mount really called `nothing`? If so, a policy of the token \
             must contain one of these; with --kv and --mount only one is left\n\n\
             # If it is KV version 1 or another engine:\npath \"nothing/a\" {\n  capabilities = [\"read\"]\n}\n",
        );
    }
}

/// The server answers 404 to everything that does not start with `/v1`, as any web server would.
#[test]
fn a_404_that_is_not_from_vault_is_an_error() {
    let vault = TestVault::kv2().secret("a", [("k", "v")]);
    let address = vault.fill("{addr}/wrong");
    vault
        .env("VAULT_ADDR", address)
        .args(["--optional-path", "{kv}/a"])
        .run(["echo", "started"])
        .exits(125)
        .stdout_is("");
}

#[test]
fn a_token_for_one_secret_in_a_nested_mount_is_enough() {
    for vault in TestVault::each_nested() {
        let vault = vault.secret("a", [("k", "v")]);
        let policy = if vault.is_kv1() { r#"path "{kv}/a"{capabilities=["read"]}"# } else { READ_A };
        let vault = vault.token_with_policy(policy);
        vault.clone().path("a").environ().has("K", "v");
        let policy_path = if vault.is_kv1() { "{kv}/b" } else { "{kv}/data/b" };
        vault.path("b").fails(&format!("vault-exec: read {{kv}}/b: permission denied (403)\n{}", stanza(policy_path)));
    }
}

#[test]
fn kv_sets_the_version_of_the_engine() {
    for (vault, version, other) in [(TestVault::kv1(), "1", "2"), (TestVault::kv2(), "2", "1")] {
        let vault = vault.secret("a", [("k", "v")]).path("a");
        vault.clone().args(["--kv", version]).environ().has("K", "v");
        vault.clone().args(["--kv", "auto"]).environ().has("K", "v");
        let found = if version == "1" { "1, or another engine" } else { "2" };
        vault.args(["--kv", other]).fails(&format!(
            "vault-exec: read {{kv}}/a: the mount is KV version {found}, which is not that of --kv\n\
             hint: leave --kv out, so that it is detected, or give the other version\n"
        ));
    }
}

#[test]
fn a_wrong_kv_version_is_an_error_for_optional_paths_too() {
    for (vault, version, other) in [(TestVault::kv1(), "1", "2"), (TestVault::kv2(), "2", "1")] {
        let vault = vault.secret("a", [("k", "v")]);
        for path in ["a", "none", "data/a", "data/none"] {
            let vault = vault.clone().args(["--optional-path", &format!("{{kv}}/{path}")]);
            vault.clone().args(["--kv", version]).environ();
            let outcome = vault.args(["--kv", other]).run(["true"]).exits(125);
            assert!(outcome.stderr.contains(", which is not that of --kv\nhint: leave --kv out"), "{outcome}");
        }
    }
}

/// The server does not report the mount, so the warning alone shows that it is KV v2.
#[test]
fn the_warning_of_kv_v2_about_a_path_is_no_absence() {
    let warning = "Invalid path for a versioned K/V secrets engine. See the API docs for the appropriate API endpoints";
    let reply = Reply::answer(404, json!({"request_id": "1", "warnings": [warning]}).to_string());
    let fake = FakeServer::answering([Reply::errors(403, &["permission denied"])]).and_at("secret/app", [reply]);
    fake.vault().args(["--kv", "1"]).fails(
        "vault-exec: read secret/app: the mount is KV version 2, which is not that of --kv\n\
         hint: leave --kv out, so that it is detected, or give the other version\n",
    );
}

#[test]
fn another_version_than_the_pinned_one_is_an_error() {
    let answer = |status, data: &str| {
        let metadata = r#""metadata":{"version":2,"destroyed":false}"#;
        Reply::answer(status, format!(r#"{{"request_id":"1","data":{{"data":{data},{metadata}}}}}"#))
    };
    for reply in [answer(200, r#"{"a":"1"}"#), answer(404, "null")] {
        let fake = FakeServer::answering([Reply::secret(&[("b", "1")])]).and_at("secret/data/old", [reply]);
        for option in ["--path", "--optional-path"] {
            fake.vault().args([option, "secret/old@7"]).fails(
                "vault-exec: read secret/old: the server returned version 2 instead of the pinned one\n\
                 hint: check the proxies and agents between vault-exec and the server, which may have a cache\n",
            );
        }
        fake.vault().args(["--optional-path", "secret/old@2"]).environ().has("B", "1");
    }
}

#[test]
fn a_json_array_is_not_taken_for_an_object() {
    let secret = r#"{"a":"1"}"#;
    for body in [
        format!(r#"{{"request_id":"1","data":[{secret},{{"version":1}}]}}"#),
        format!(r#"{{"request_id":"1","data":{{"data":{secret},"metadata":[1]}}}}"#),
        format!(r#"["1",null,null,"",0,{{"data":{secret},"metadata":{{"version":1}}}},null]"#),
    ] {
        let fake = FakeServer::answering([Reply::answer(200, body)]);
        fake.vault().args(["--kv", "2"]).fails(
            "vault-exec: read secret/app: {addr}: the response (200) is not in Vault's format\n\
             hint: is this Vault's address? It is from VAULT_ADDR\n",
        );
    }
}

#[test]
fn only_and_skip_select_keys() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("x", "1"), ("y", "2"), ("z", "3")]).path("a");
        vault.clone().args(["--only", "x", "--only", "z"]).environ().has("X", "1").lacks("Y").has("Z", "3");
        vault.clone().args(["--skip", "x", "--skip", "absent"]).environ().lacks("X").has("Y", "2").has("Z", "3");
        vault.clone().args(["--only", "x", "--only", "y", "--skip", "x"]).environ().lacks("X").has("Y", "2").lacks("Z");
        vault.args(["--only", "X", "--only", "x", "--only", "w"]).fails(
            "vault-exec: --only X, w: not found in any secret\n\
             hint: did you mean `x`?\n",
        );
    }
}

#[test]
fn other_engines_can_be_read() {
    let vault = TestVault::kv2().posted("cubbyhole/{kv}", &json!({"k": "v"}));
    vault.args(["--path", "cubbyhole/{kv}"]).environ().has("K", "v");
}

#[test]
fn permission_denied_reports_the_missing_policy() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).secret("b", [("k", "v")]);
        let (mine, lacking) = if vault.is_kv1() { ("{kv}/a", "{kv}/b") } else { ("{kv}/data/a", "{kv}/data/b") };
        let vault = vault.token_with_policy(&format!(r#"path "{mine}" {{capabilities=["read"]}}"#));
        vault.clone().path("a").environ().has("K", "v");
        let message = format!("vault-exec: read {{kv}}/b: permission denied (403)\n{}", stanza(lacking));
        vault.clone().path("a").path("b").fails(&message);
        vault.path("a").args(["--optional-path", "{kv}/b"]).fails(&message);
    }
}

#[test]
fn permission_denied_without_the_type_of_the_mount_gets_a_hint() {
    for vault in TestVault::each() {
        vault
            .secret("a", [("k", "v")])
            .token_with_policy(r#"path "elsewhere" {capabilities=["read"]}"#)
            .path("a")
            .path("b")
            .fails(&format!(
                "vault-exec: read {{kv}}/a, {{kv}}/b: permission denied (403)\n{}\n{}",
                possible("a"),
                possible("b").split_once("\n\n").unwrap().1
            ));
    }
}

/// Whatever the mount is and whatever was granted before, the stanzas of the message are a policy that suffices, and no
/// message claims that nothing is mounted there.
#[test]
fn the_policies_for_an_unknown_mount_suffice_as_they_are_printed() {
    for vault in TestVault::each_nested().into_iter().chain(TestVault::each()) {
        let vault = vault.secret("deep/a", [("k", "v")]).path("deep/a");
        let mut policy = String::from("path \"elsewhere\" { capabilities = [\"read\"] }");
        for attempt in 0.. {
            let outcome = vault.clone().token_with_policy(&policy).run(["true"]);
            if outcome.stderr.is_empty() {
                break;
            }
            assert!(attempt < 3 && !outcome.stderr.contains("nothing is mounted"), "{outcome}");
            let (_, stanzas) = outcome.stderr.split_once("\n\n").unwrap_or_else(|| panic!("{outcome}"));
            // Only the first stanza at first, as a user would who does not read on.
            let end = if attempt == 0 { stanzas.find("\n\n").unwrap() } else { stanzas.len() };
            policy = format!("{policy}\n{}", &stanzas[..end]);
        }
    }
    let vault = TestVault::each_nested().into_iter().next().unwrap().token_with_policy(&policy("elsewhere"));
    vault
        .clone()
        .args(["--mount", "{kv}", "--path", "a"])
        .fails(&format!("vault-exec: read {{kv}}/a: permission denied (403)\n{}", possible("a")));
}

#[test]
fn every_failed_path_is_reported() {
    let vault = TestVault::kv2().secret("a", [("k", "v")]).secret("b", [("k", "v")]);
    let vault = vault
        .token_with_policy(r#"path "{kv}/data/a" {capabilities=["read"]} path "{kv}/data/c" {capabilities=["read"]}"#);
    let denied = format!(
        "vault-exec: read {{kv}}/b, {{kv}}/d: permission denied (403)\n{}\n{}",
        stanza("{kv}/data/b"),
        policy("{kv}/data/d")
    );
    let absent = "vault-exec: read {kv}/c: no such secret\n\
                  hint: `vault kv list {kv}` lists the secrets; --optional-path allows it to be missing\n";
    let all = vault.clone().path("a").path("b").path("c").path("d");
    all.fails(&format!("{denied}\n{absent}"));
    let outcome = all.args(["--log-format", "json"]).run(["true"]).exits(125);
    assert_eq!(outcome.stderr.lines().count(), 2, "{outcome}");

    let down = TestVault::bare().env("VAULT_ADDR", "http://127.0.0.1:1").env("VAULT_TOKEN", "t").args(["--attempts=1"]);
    down.args(["--path", "secret/a", "--path", "secret/b"]).fails(
        "vault-exec: read secret/a, secret/b: http://127.0.0.1:1: connection refused; gave up after 1 attempt (--attempts)\n\
         hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n",
    );
}

#[test]
fn an_unknown_token_is_reported() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).env("VAULT_TOKEN", "hvs.unknown");
        for option in ["--path", "--optional-path"] {
            vault.clone().args([option, "{kv}/a"]).fails(DOUBTED);
        }
    }
}

#[test]
fn secrets_of_a_namespace_are_read() {
    let vault = TestVault::in_namespace("team-a").secret("a", [("k", "v")]).path("a");
    vault.clone().args(["--namespace", "team-a"]).environ().has("K", "v");
    vault.clone().env("VAULT_NAMESPACE", "team-a/").environ().has("K", "v");
    vault.clone().env("VAULT_NAMESPACE", "x").env("BAO_NAMESPACE", "team-a").environ().has("K", "v");
    vault.clone().args(["--namespace", "team-b"]).fails(
        "vault-exec: read secret/a: no such namespace\n\
         hint: check --namespace or VAULT_NAMESPACE\n",
    );
    vault
        .args(["--namespace", "team\na"])
        .fails("vault-exec: --namespace: expected a namespace of visible ASCII characters\n");
}

#[test]
fn a_secret_of_kv_v2_takes_one_request() {
    let vault = TestVault::kv2().secret("a", [("k", "v")]).secret("b", [("l", "w")]).secret("c", [("m", "x")]);
    vault.clone().recorded().path("a").environ().asked(["{kv}/data/a"]);
    vault.clone().recorded().path("a@1").environ().asked(["{kv}/data/a?version=1"]);
    let three = ["{kv}/data/a", "{kv}/data/b", "{kv}/data/c"];
    vault.clone().recorded().path("a").path("b").path("c").environ().asked(three);
    vault.recorded().path("a").args(["--kv", "2"]).environ().asked(["{kv}/data/a"]);
    TestVault::kv1().secret("a", [("k", "v")]).recorded().path("a").args(["--kv", "1"]).environ().asked(["{kv}/a"]);
}

#[test]
fn other_engines_take_two_requests_more() {
    let vault = TestVault::kv1().secret("a", [("k", "v")]).recorded().path("a");
    vault.environ().asked(["{kv}/data/a", "sys/internal/ui/mounts/{kv}/a", "{kv}/a"]);
}

const READ_A: &str = r#"path "{kv}/data/a" {capabilities=["read"]}"#;

fn stanza(path: &str) -> String {
    format!("hint: a policy of the token must contain\n\n{}", policy(path))
}

/// The hint if the server does not report the mount.
fn possible(name: &str) -> String {
    format!(
        "hint: is the mount really called `{{kv}}`? If so, a policy of the token must contain one of these; with --kv and \
         --mount only one is left\n\n\
         # If {{kv}}/ is KV version 2:\n{}\n# If it is KV version 1 or another engine:\n{}",
        policy(&format!("{{kv}}/data/{name}")),
        policy(&format!("{{kv}}/{name}"))
    )
}

fn policy(path: &str) -> String {
    format!("path \"{path}\" {{\n  capabilities = [\"read\"]\n}}\n")
}
