//! What is sent, what comes of it, and what is refused.

use serde_json::{Value, json};

use crate::support::api::text;
use crate::support::canary::assert_no_secrets;
use crate::support::openbao::ROOT;
use crate::support::vault::TestVault;
use crate::write::{pki, role, updating};

const WEB: [&str; 2] = ["--write", "pki-{kv}/issue/web?common_name=web.test&ttl=1h"];

/// A hint of the refusal.
const FOR_ENGINES: &str = "hint: --write is for engines that create something, such as pki, ssh or transit; --path reads a \
    secret\n";

/// The bodies of the requests that have one, as JSON.
fn bodies(vault: &TestVault) -> Vec<Value> {
    let exchanges = vault.exchanges().into_iter();
    let posts = exchanges.filter(|exchange| exchange.request.method() == "POST");
    posts.map(|exchange| serde_json::from_str(&exchange.request.body).unwrap()).collect()
}

fn posts(vault: &TestVault) -> usize {
    bodies(vault).len()
}

#[test]
fn the_keys_of_a_response_become_variables_and_values_of_templates() {
    let vault = pki().with_approle(&json!({})).args(WEB);
    let vault = vault.args(["--set", "CHAIN={pki-{kv}/issue/web#certificate}{issuing_ca|base64}"]);
    let outcome = vault.environ().stderr_is("").has("PRIVATE_KEY_TYPE", "ec").lacks("TTL");
    let block = String::from_utf8_lossy(&outcome.stdout);
    for start in
        ["CERTIFICATE=-----BEGIN CERT", "PRIVATE_KEY=-----BEGIN EC", "CHAIN=-----BEGIN CERT", "CA_CHAIN=[\"---"]
    {
        assert!(block.split('\0').any(|entry| entry.starts_with(start)), "{start}: {outcome}");
    }
    let mount = "GET sys/internal/ui/mounts/pki-{kv}/issue/web";
    let requests = ["POST auth/approle/login", mount, "POST pki-{kv}/issue/web", "POST auth/token/revoke-self"];
    assert_eq!(vault.requests(), requests.map(|path| vault.fill(path)), "a certificate outlives the login token");
    assert_eq!(bodies(&vault)[1], json!({"common_name": "web.test", "ttl": "1h"}));
    assert_eq!(vault.token_count(), 0);
    let loud = vault.clone().args(["-vv", "--log-format", "json"]).environ();
    assert_no_secrets(&vault, &loud);
    assert!(!loud.stderr.contains("web.test") && loud.stderr.contains("wrote pki-"), "{loud}");
}

#[test]
fn a_write_has_a_prefix_and_leaves_mount_and_other_secrets_alone() {
    let vault = pki().env("VAULT_TOKEN", ROOT).secret("a", [("certificate", "mine")]).path("a");
    let vault = vault.args(["--write", "WEB_=/v1/pki-{kv}/issue/web/?common_name=web.test", "--case", "keep"]);
    let outcome = vault.environ().has("certificate", "mine").has("WEB_private_key_type", "ec").stderr_is("");
    assert!(String::from_utf8_lossy(&outcome.stdout).contains("\0WEB_certificate=-----BEGIN"), "{outcome}");

    let mounted = pki().env("VAULT_TOKEN", ROOT).secret("a", [("k", "v")]).args(["--mount", "{kv}", "--path", "a"]);
    let mounted = mounted.args(WEB).args(["--only", "k", "--set", "T={pki-{kv}/issue/web#private_key_type}"]);
    mounted.environ().has("K", "v").has("T", "ec").lacks("CERTIFICATE").stderr_is("");

    // The later one on the command line wins.
    let (read, write) = (["--path", "{kv}/a"], WEB);
    for (order, value) in [([write, read], "mine"), ([read, write], "ec")] {
        let vault = pki().env("VAULT_TOKEN", ROOT).secret("a", [("private_key_type", "mine")]).args(order.concat());
        vault.args(["--set", "T={private_key_type}"]).environ().has("PRIVATE_KEY_TYPE", value).has("T", value);
    }
}

#[test]
fn values_are_decoded_and_read_from_files_byte_for_byte() {
    let vault = pki().env("VAULT_TOKEN", ROOT).posted("sys/mounts/t-{kv}", &json!({"type": "transit"}));
    vault.post("t-{kv}/keys/k", &json!({}));
    let content = " \u{e9}\n\n";
    let fields = "plaintext=YQ==&odd=a+b%2B%26%3D%25&list=1&list=%40a%2c&empty=&file=@{home}/the%20file";
    let write = format!("t-{{kv}}/encrypt/k?{fields}");
    let vault = vault.file("the file", content).env("VAULT_EXEC_WRITE", format!("\n{write}\n"));
    vault.environ().has("KEY_VERSION", "1").stderr_is("");
    let sent = json!({
        "plaintext": "YQ==", "odd": "a+b+&=%", "list": ["1", "@a,"], "empty": "", "file": content,
    });
    assert_eq!(bodies(&vault), [sent]);
}

#[test]
fn a_file_that_cannot_be_sent_is_an_error_before_the_login() {
    let vault = pki().with_approle(&json!({})).file("binary", b"\xff\xfe");
    let with = |file: &str| vault.clone().args(["--write", &format!("pki-{{kv}}/sign/web?csr=@{file}")]);
    with("binary").fails(
        "vault-exec: --write: the file of `csr`: binary: not UTF-8\n\
         hint: encode it as the engine expects it, such as PEM or Base64\n",
    );
    with("{home}/none").fails(
        "vault-exec: --write: the file of `csr`: {home}/none: No such file or directory\n\
         hint: check that it exists and that the user of vault-exec can read it\n",
    );
    let checked = with("binary").args(["--path", "{kv}/none"]).checking().run(["true"]).exits(125);
    let checked = String::from_utf8(checked.stdout).unwrap();
    assert!(checked.contains("problems  2\n") && checked.contains("binary: not UTF-8"), "{checked}");
    assert_eq!(vault.requests().iter().filter(|request| request.starts_with("POST pki")).count(), 0);
}

#[test]
fn a_path_is_written_once() {
    let vault = pki().env("VAULT_TOKEN", ROOT);
    for other in [["--write", "/pki-{kv}/issue/web?ttl=2h"], ["--path", "pki-{kv}/issue/web"]] {
        for order in [[WEB, other], [other, WEB]] {
            let vault = vault.clone().args(order.concat());
            vault.fails(&format!(
                "vault-exec: {}: `pki-{{kv}}/issue/web`: expected a path that no other --write, --path or --optional-path \
                 names\n",
                order[1][0]
            ));
        }
    }
    assert_eq!(vault.requests(), [""; 0]);
}

#[test]
fn only_engines_that_create_something_are_written_to() {
    let vault = pki().env("VAULT_TOKEN", ROOT);
    for (path, engine) in [
        ("{kv}/a", "KV version 2"),
        ("{kv}/data/a", "KV version 2"),
        ("sys/policies/acl/x", "a mount of the server itself"),
        ("sys/wrapping/wrap", "a mount of the server itself"),
        ("auth/token/create", "a mount of the server itself"),
        ("auth/approle/role/x", "a mount of the server itself"),
        ("identity/entity", "a mount of the server itself"),
        ("cubbyhole/x", "a mount of the server itself"),
    ] {
        let refused = format!("vault-exec: write {path}: --write is refused in {engine}\n{FOR_ENGINES}");
        vault.clone().args(["--write", &format!("{path}?policy=x")]).fails(&refused);
    }
    TestVault::kv1()
        .args(["--write", "{kv}/a?k=v"])
        .fails(&format!("vault-exec: write {{kv}}/a: --write is refused in KV version 1\n{FOR_ENGINES}"));
    for odd in
        ["pki-{kv}/../sys/x", "pki-{kv}//x", "pki-{kv}/x%2f..%2f..%2fsys/y", "pki-{kv}/..;/sys/x", "pki-{kv}\\x/y"]
    {
        let outcome = vault.clone().args(["--write", &format!("{odd}?policy=x")]).run(["echo"]).exits(125);
        assert!(outcome.stderr.starts_with("vault-exec: --write: expected "), "{outcome}");
    }
    assert_eq!(posts(&vault), 0);
}

#[test]
fn a_namespace_hides_no_mount_of_the_server() {
    let vault = TestVault::in_namespace("writing").posted("sys/mounts/pki", &json!({"type": "pki"}));
    vault.post("pki/root/generate/internal", &json!({"common_name": "root", "ttl": "90h", "key_type": "ec"}));
    let vault = vault.posted("pki/roles/auth", &role()).recorded();
    for path in
        ["writing/sys/policies/acl/x", "writing/auth/token/create", "writing/identity/entity", "writing/cubbyhole/x"]
    {
        vault.clone().args(["--write", &format!("{path}?policy=x")]).fails(&format!(
            "vault-exec: write {path}: --write is refused in a mount of the server itself\n{FOR_ENGINES}"
        ));
    }
    assert_eq!(posts(&vault), 0);
    // What a role is called is no matter of the mount.
    let vault = vault.args(["--write", "writing/pki/issue/auth?common_name=web.test&ttl=1h"]);
    vault.environ().has("PRIVATE_KEY_TYPE", "ec").stderr_is("");
}

#[test]
fn nothing_is_sent_to_a_mount_that_is_not_reported() {
    let vault = pki().with_approle(&json!({})).secret("a", [("k", "v")]);
    let unknown = vault.clone().args(["--write", "other-{kv}/issue/web?common_name=web.test"]);
    unknown.fails(
        "vault-exec: write other-{kv}/issue/web: nothing was sent: the server does not report the mount\n\
         hint: check the path; if it is right, a policy of the token must contain\n\n\
         path \"other-{kv}/issue/web\" {\n  capabilities = [\"update\"]\n}\n",
    );
    // Nor is anything created if another path cannot be read.
    let denied = vault.clone().args(WEB).args(["--path", "{kv}/a"]);
    let outcome = denied.run(["echo", "the program was started"]).exits(125).stdout_is("");
    assert!(outcome.stderr.starts_with(&outcome.fill("vault-exec: read {kv}/a: permission denied (403)")), "{outcome}");
    assert!(vault.requests().iter().all(|request| !request.starts_with("POST pki")), "{:?}", vault.requests());
    assert!(vault.requests().iter().all(|request| !request.starts_with("POST other")), "{:?}", vault.requests());
}

#[test]
fn a_denied_write_prints_the_policy_and_a_rejected_one_the_reason() {
    let vault = pki().with_approle(&json!({}));
    vault.clone().args(["--write", "pki-{kv}/sign/web?csr=x"]).fails(
        "vault-exec: write pki-{kv}/sign/web: permission denied (403)\n\
         hint: a policy of the token must contain\n\n\
         path \"pki-{kv}/sign/web\" {\n  capabilities = [\"update\"]\n}\n",
    );
    for (write, reason) in [
        (
            "pki-{kv}/issue/web?common_name=web.example",
            "400 (bad request); the server reports: common name web.example \
          not allowed by this role",
        ),
        ("pki-{kv}/cert/ca?a=b", "405 (method not allowed); the server reports: unsupported operation"),
        ("pki-{kv}/none/x?a=b", "404 (not found); the server reports: unsupported path"),
    ] {
        let path = write.split('?').next().unwrap();
        vault.clone().env("VAULT_TOKEN", ROOT).args(["--auth", "token", "--write", write]).fails(&format!(
            "vault-exec: write {path}: {{addr}}: the server answered {reason}\n\
             hint: `vault path-help {path}` describes the fields\n"
        ));
    }
    let expired = vault.clone().env("VAULT_TOKEN", "hvs.none").args(WEB);
    let outcome = expired.run(["echo", "the program was started"]).exits(125);
    let start =
        outcome.fill("vault-exec: write pki-{kv}/issue/web: nothing was sent: the server does not report the mount: ");
    assert!(outcome.stderr.starts_with(&start) && outcome.stderr.contains("expired"), "{outcome}");
}

#[test]
fn a_lease_keeps_the_login_token() {
    let vault = pki().with_approle(&json!({"token_ttl": "2h"})).args(WEB);
    let mut leasing = role();
    leasing["generate_lease"] = true.into();
    vault.post("pki-{kv}/roles/web", &leasing);
    let outcome = vault.environ().has("PRIVATE_KEY_TYPE", "ec");
    let known = ["59m59s", "1h"]
        .map(|ttl| format!("vault-exec: pki-{{kv}}/issue/web: the server revokes these values after {ttl}\n"));
    assert!(known.iter().any(|text| outcome.stderr == outcome.fill(text)), "{outcome}");
    assert_eq!(vault.token_count(), 1);

    // A start that fails afterwards takes the lease back with the token.
    vault.clone().args(["--write", "pki-{kv}/issue/none?a=b"]).run(["echo"]).exits(125);
    assert_eq!(vault.token_count(), 1);
}

/// What a newcomer tries first.
#[test]
fn a_read_of_what_only_a_write_creates_names_the_option() {
    pki().env("VAULT_TOKEN", ROOT).args(["--path", "pki-{kv}/issue/web"]).fails(
        "vault-exec: read pki-{kv}/issue/web: {addr}: the server answered 405 (method not allowed); the server reports: \
         unsupported operation\n\
         hint: nothing can be read there: if the engine creates something, such as pki/issue, use --write\n",
    );
}

#[test]
fn a_project_file_writes_only_if_it_was_named() {
    let text = "write = [\"WEB_=pki-{kv}/issue/web?common_name=web.test&alt_names=a.web.test,b.web.test\"]\n";
    let vault = pki().env("VAULT_TOKEN", ROOT);
    let vault = vault.clone().file(".vault-exec.toml", vault.fill(text));
    vault.with_only("--trust").alone_fails(
        "vault-exec: {home}/.vault-exec.toml:1:1: `write` is refused in a project file that --config did not name\n\
         hint: if you trust the file, name it with --config; otherwise give the option yourself, or --no-config\n",
    );
    assert_eq!(posts(&vault), 0);
    let named = vault.args(["--config", ".vault-exec.toml"]);
    named.environ().has("WEB_PRIVATE_KEY_TYPE", "ec").stderr_is("");
    assert_eq!(text_of(&bodies(&named)[0], "alt_names"), "a.web.test,b.web.test");

    let table = named.file(".vault-exec.toml", "[write]\nA_ = \"pki/issue/web\"");
    table.fails("vault-exec: .vault-exec.toml:1:1: write: expected a string or a list of strings\n");
}

fn text_of(body: &Value, field: &str) -> String {
    text(&body[field])
}

#[test]
fn a_policy_names_the_path_that_is_updated() {
    let vault = pki().with_approle(&json!({})).args(["--write", "pki-{kv}/issue/web?common_name=web.test"]);
    vault.post("sys/policies/acl/{kv}", &updating(&["pki-{kv}/issue/other"]));
    let denied = vault.run(["echo"]).exits(125);
    let stanza = denied.stderr.split("contain\n\n").nth(1).unwrap().to_owned();
    vault.post("sys/policies/acl/{kv}", &json!({"policy": stanza}));
    vault.environ().has("PRIVATE_KEY_TYPE", "ec");
}
