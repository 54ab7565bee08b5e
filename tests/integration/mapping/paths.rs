//! What a path names: its mount, its version, and how often it is read.

use crate::support::vault::TestVault;

#[test]
fn two_versions_are_two_secrets() {
    let vault = TestVault::kv2().secret("a", [("k", "one"), ("x", "1")]).secret("a", [("k", "two")]);
    vault.clone().path("a@1").path("a").environ().has("K", "two").has("X", "1");
    vault.clone().path("a").path("a@1").environ().has("K", "one");
    let both = vault.clone().args(["--path", "OLD_={kv}/a@1"]).path("a");
    both.environ().has("OLD_K", "one").has("OLD_X", "1").has("K", "two").lacks("X");
    let select = ["--set", "OLD={{kv}/a@1#k}", "--set", "NEW={{kv}/a#k}", "--set", "LAST={k}"];
    both.args(select).environ().has("OLD", "one").has("NEW", "two").has("LAST", "two");
    vault.path("a@1").args(["--set", "A={{kv}/a#k}"]).environ().has("K", "one").has("A", "two");
}

#[test]
fn a_path_that_is_named_twice_is_read_once() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "a"), ("l", "a")]).secret("b", [("k", "b")]);
        let line = ["--path", "{kv}/a", "--optional-path", "A_={kv}/a/", "--path", "{kv}/b", "--path", "/{kv}/a"];
        let twice = vault.recorded().args(line).args(["--set", "S={{kv}/b#k}{k}"]);
        let version = if twice.is_kv1() { "1" } else { "2" };
        let outcome = twice.args(["--kv", version]).environ();
        let outcome = outcome.has("K", "a").has("A_K", "a").has("A_L", "a").has("S", "ba").stderr_is("");
        if version == "1" {
            outcome.asked(["{kv}/a", "{kv}/b"])
        } else {
            outcome.asked(["{kv}/data/a", "{kv}/data/b"])
        };
    }
}

#[test]
fn a_mount_is_looked_up_once_for_all_its_paths() {
    let names: Vec<String> = (0..20).map(|number| format!("dir/s{number}")).collect();
    for vault in [TestVault::kv1(), TestVault::each_nested().into_iter().nth(1).unwrap()] {
        let vault = names.iter().fold(vault, |vault, name| vault.secret(name, [("k", name.as_str())]));
        let vault = names.iter().fold(vault.recorded(), |vault, name| vault.path(name));
        vault.environ().has("K", "dir/s19");
        let lookups = vault.requests().iter().filter(|request| request.contains("sys/internal/ui/mounts/")).count();
        assert_eq!((lookups, vault.requests().len()), (1, 2 * names.len() + 1));
    }
    // The server does not tell the mount, so that the directory stands for it.
    let vault = TestVault::kv2().token_with_policy(r#"path "elsewhere" {capabilities=["read"]}"#).recorded();
    let vault = vault.path("dir/a").path("dir/b").path("dir/c").args(["--check"]);
    vault.alone().exits(125);
    let lookups = vault.requests().iter().filter(|request| request.contains("sys/internal/ui/mounts/")).count();
    assert_eq!(lookups, 1);
}

#[test]
fn a_mount_of_several_segments_is_detected_or_given() {
    for vault in TestVault::each_nested() {
        let vault = vault.secret("deep/a", [("k", "v")]);
        vault.clone().path("deep/a").environ().has("K", "v");
        vault.clone().args(["--mount", "{kv}", "--path", "deep/a"]).environ().has("K", "v");
        vault.clone().args(["--mount", "/{kv}/", "--path", "deep/a"]).environ().has("K", "v");
        vault.path("absent").fails(
            "vault-exec: read {kv}/absent: no such secret\n\
             hint: `vault kv list {kv}` lists the secrets; --optional-path allows it to be missing\n",
        );
    }
}

#[test]
fn a_path_in_a_named_mount_is_literal() {
    for vault in TestVault::each().into_iter().chain(TestVault::each_nested()) {
        let mount = vault.fill("{kv}");
        let vault = vault.secret("foo", [("k", "foo")]).args(["--mount", "/v1/{kv}/"]);
        for name in ["data/foo".to_owned(), "v1/foo".into(), "data/data/foo".into(), format!("{mount}/foo")] {
            let vault = vault.clone().secret(&name, [("k", name.as_str())]);
            let set = format!("S={{{name}#k}}");
            let vault = vault.args(["--path", &name, "--path", "/foo/", "--set", &set]);
            vault.environ().has("K", "foo").has("S", &name);
            vault.args(["--path", &format!("P_=/{name}/")]).environ().has("P_K", &name);
        }
        vault.clone().args(["--path", "absent"]).fails(
            "vault-exec: read {kv}/absent: no such secret\n\
             hint: `vault kv list {kv}` lists the secrets; --optional-path allows it to be missing\n",
        );
        let twice = vault.args(["--path", "foo", "--set", "A={{kv}/bar#k}"]).run(["true"]).exits(125);
        assert!(twice.stderr.starts_with(&twice.fill("vault-exec: read {kv}/{kv}/bar: no such secret\n")));
    }
    let pinned = TestVault::kv2().secret("data/foo", [("k", "one")]).secret("data/foo", [("k", "two")]);
    pinned.args(["--mount", "{kv}", "--path", "data/foo@1"]).environ().has("K", "one");
}

/// A hint for each of the slips that a user makes who knows the API or templates.
#[test]
fn a_slip_in_a_path_gets_a_hint() {
    let absent = "`vault kv list";
    for vault in TestVault::each() {
        let vault = vault.secret("x", [("k", "v")]);
        for (args, hint) in [
            (["--mount={kv}", "--path=data/x"], "with --mount the path is literal: leave out `data/`; "),
            (["--mount={kv}/data", "--path=x"], "the mount is `{kv}`; "),
            (["--kv=auto", "--path={kv}/x#k"], "`#` is for templates; --only takes one key; "),
            (["--mount={kv}", "--path=y"], ""),
        ] {
            let vault = vault.clone().args(args);
            let hint = vault.fill(hint);
            let outcome = vault.run(["true"]).exits(125);
            assert!(outcome.stderr.contains(&format!("no such secret\nhint: {hint}{absent}")), "{outcome}");
            let denied =
                vault.token_with_policy(r#"path "elsewhere" { capabilities = ["read"] }"#).run(["true"]).exits(125);
            assert!(denied.stderr.contains(&format!("\nhint: {hint}")), "{denied}");
        }
    }
}

#[test]
fn an_api_path_names_its_secret() {
    let vault = TestVault::kv2().secret("a", [("k", "v")]).secret("dataface/a", [("k", "face")]);
    for form in ["{kv}/a/", "/{kv}/a", "//{kv}/a//", "{kv}/data/a", "/v1/{kv}/data/a", "v1/{kv}/data/a/", "/v1/{kv}/a"]
    {
        vault.clone().args(["--path", form]).environ().has("K", "v");
    }
    vault.clone().args(["--path", "{kv}/data/a@1"]).environ().has("K", "v");
    vault.path("dataface/a").environ().has("K", "face");
}

#[test]
fn a_secret_named_data_can_be_read() {
    let vault = TestVault::kv2().secret("data/a", [("k", "below")]).secret("a", [("k", "above")]);
    vault.path("data/data/a").environ().has("K", "below");
    let vault = TestVault::kv1().secret("data/a", [("k", "below")]).secret("a", [("k", "above")]);
    vault.clone().path("data/a").environ().has("K", "below");
    vault.path("a").environ().has("K", "above");
}

#[test]
fn special_characters_in_paths_are_encoded() {
    for vault in TestVault::each() {
        let names = [("a b", "a%20b"), ("50%", "50%25"), ("a%20b", "a%2520b"), ("ü", "%C3%BC"), ("a@b", "a@b")];
        for (name, encoded) in names.into_iter().chain([("a?b", "a%3Fb"), ("a#b", "a%23b"), ("a+b", "a+b")]) {
            vault.clone().secret(encoded, [("k", name)]).path(name).environ().has("K", name);
        }
    }
}

#[test]
fn a_mistyped_key_is_suggested_or_the_keys_are_listed() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("username", "1"), ("password", "2")]).path("a");
        let only = |key: &str| vault.clone().args(["--only", key]);
        let message = |key: &str| format!("vault-exec: --only {key}: not found in any secret\nhint: ");
        only("usernmae").fails(&(message("usernmae") + "did you mean `username`?\n"));
        only("PASSWORD").fails(&(message("PASSWORD") + "did you mean `password`?\n"));
        only("token").fails(&(message("token") + "the keys are `password`, `username`\n"));
        for option in ["--only", "--skip"] {
            vault.clone().args([option, "username,password"]).fails(
                "vault-exec: not a key of any secret: username,password\n\
                 hint: --only and --skip take one key; repeat them for more\n",
            );
        }
        let both = vault.clone().args(["--only", "usernmae", "--only", "pasword"]);
        both.fails(&(message("usernmae, pasword") + "did you mean `username`, `password`?\n"));
        let none = vault.args(["--only", "username", "--set", "A={token}"]);
        none.fails("vault-exec: --set A: column 1: unknown key `token`\nhint: the keys are `password`, `username`\n");
    }
}

#[test]
fn the_later_path_wins() {
    for vault in TestVault::each() {
        let vault = vault
            .secret("a", [("x", "a"), ("only_a", "a")])
            .secret("b", [("x", "b"), ("y", "b")])
            .secret("c", [("y", "c")]);
        let three = ["--path", "{kv}/a", "--optional-path", "{kv}/b", "--path", "{kv}/c"];
        vault.clone().args(three).environ().has("X", "b").has("Y", "c").has("ONLY_A", "a");
        let turned = ["--path", "{kv}/c", "--optional-path", "{kv}/b", "--path", "{kv}/a"];
        vault.args(turned).environ().has("X", "a").has("Y", "b");
    }
}
