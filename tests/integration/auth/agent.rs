//! A real `bao agent` or `bao proxy` that adds its own token to requests.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::openbao::bao;
use crate::support::process::{SupervisedProcess, free_port};
use crate::support::scratch::new_dir;
use crate::support::vault::{DOUBTED, TestVault};
use crate::support::wait::wait_until;

/// An agent and its addresses.
struct Agent {
    _helper: SupervisedProcess,
    socket: String,
    strict: String,
    port: u16,
}

/// A secret, and a role that may read it.
fn vault() -> TestVault {
    let vault = TestVault::kv2().secret("a", [("k", "v")]).secret("b", [("l", "w")]).path("a");
    let policy = vault.fill("path \"{kv}/data/a\" { capabilities = [\"read\"] }");
    vault.posted("sys/policies/acl/{kv}", &json!({ "policy": policy }))
}

/// Starts `bao agent` or `bao proxy` with an `AppRole` that has the policy `{kv}`. Its `secret_id` is valid if `known`.
fn agent(kind: &str, vault: &TestVault, known: bool) -> Agent {
    let vault = vault.clone().posted("sys/auth/{kv}", &json!({"type": "approle"}));
    let role = json!({"token_policies": [vault.fill("{kv}")]});
    let vault =
        vault.posted("auth/{kv}/role/app", &role).posted("auth/{kv}/role/app/role-id", &json!({"role_id": "app"}));
    let vault = vault.posted("auth/{kv}/role/app/custom-secret-id", &json!({"secret_id": "of-the-agent"}));
    let dir = new_dir("agent");
    let (socket, strict) = (dir.join("socket"), dir.join("strict"));
    let port = free_port();
    fs::write(dir.join("role_id"), "app").unwrap();
    fs::write(dir.join("secret_id"), if known { "of-the-agent" } else { "unknown" }).unwrap();
    let config = format!(
        r#"
        vault {{ address = "{addr}" }}
        auto_auth {{
          method {{
            type = "approle"
            mount_path = "auth/{kv}"
            config = {{
              role_id_file_path = "{dir}/role_id"
              secret_id_file_path = "{dir}/secret_id"
              remove_secret_id_file_after_reading = false
            }}
          }}
        }}
        api_proxy {{ use_auto_auth_token = true }}
        listener "unix" {{
          address = "{socket}"
          tls_disable = true
        }}
        listener "unix" {{
          address = "{strict}"
          tls_disable = true
          require_request_header = true
        }}
        listener "tcp" {{
          address = "127.0.0.1:{port}"
          tls_disable = true
        }}
        "#,
        addr = vault.fill("{addr}"),
        kv = vault.fill("{kv}"),
        dir = dir.display(),
        socket = socket.display(),
        strict = strict.display()
    );
    let file = dir.join("agent.hcl");
    fs::write(&file, config).unwrap();
    let helper = SupervisedProcess::start(&[bao(), kind, &format!("-config={}", file.display())], dir.join("log"));
    let state = if known { "authentication successful" } else { "error authenticating" };
    wait_until("the agent", || helper.log().contains(state) && strict.exists());
    let address = |socket: &std::path::Path| format!("unix://{}", socket.display());
    Agent { socket: address(&socket), strict: address(&strict), _helper: helper, port }
}

#[track_caller]
fn works(vault: &TestVault) {
    vault.environ().has("K", "v").lacks("VAULT_TOKEN").stderr_is("");
}

#[test]
fn no_token_is_needed_with_an_agent() {
    for kind in ["agent", "proxy"] {
        let vault = vault();
        let agent = agent(kind, &vault, true);
        let vault = vault.without("VAULT_TOKEN");
        works(&vault.clone().env("VAULT_ADDR", &agent.socket));
        works(&vault.clone().args(["--address", &agent.socket]));
        works(&vault.clone().env("BAO_ADDR", &agent.socket).env("VAULT_ADDR", "http://127.0.0.1:1"));
        for variable in ["VAULT_AGENT_ADDR", "BAO_AGENT_ADDR"] {
            works(&vault.clone().env(variable, &agent.socket).env("VAULT_ADDR", "http://127.0.0.1:1"));
            works(&vault.clone().env(variable, format!("http://127.0.0.1:{}", agent.port)));
        }
        works(&vault.clone().env("VAULT_ADDR", &agent.socket).env("HTTPS_PROXY", "http://127.0.0.1:1"));
        works(&vault.clone().env("VAULT_ADDR", &agent.socket).env("VAULT_PROXY_ADDR", "http://127.0.0.1:1"));
        // This listener requires the header `X-Vault-Request`.
        works(&vault.env("VAULT_ADDR", &agent.strict));
    }
}

#[test]
fn keep_token_without_a_token_sets_no_variable() {
    let vault = vault();
    let agent = agent("proxy", &vault, true);
    let vault = vault.without("VAULT_TOKEN").env("VAULT_ADDR", &agent.socket);
    works(&vault.clone().args(["--keep-token"]));
    works(&vault.clone().args(["--keep-token"]).env("VAULT_TOKEN", ""));
    works(&vault.args(["--no-revoke"]));
}

#[test]
fn a_given_token_is_used_with_an_agent() {
    let vault = vault();
    let agent = agent("proxy", &vault, true);
    let vault = vault.env("VAULT_ADDR", &agent.socket);
    vault.clone().path("b").environ().has("K", "v").has("L", "w").stderr_is("");
    vault.clone().args(["--keep-token"]).environ().has("VAULT_TOKEN", crate::support::openbao::ROOT);
    vault
        .env("VAULT_TOKEN", "hvs.wrong")
        .run(["echo", "the program was started"])
        .exits(125)
        .stdout_is("")
        .stderr_is(DOUBTED);
}

#[test]
fn an_agent_without_permission_reports_the_missing_policy() {
    let vault = vault();
    let agent = agent("proxy", &vault, true);
    vault.without("VAULT_TOKEN").env("VAULT_ADDR", &agent.socket).path("b").args(["--kv", "2"]).fails(
        "vault-exec: read {kv}/b: permission denied (403)\n\
         hint: a policy of the token must contain\n\npath \"{kv}/data/b\" {\n  capabilities = [\"read\"]\n}\n",
    );
}

#[test]
fn an_agent_that_is_not_logged_in_is_reported() {
    let vault = vault();
    let agent = agent("proxy", &vault, false);
    vault.without("VAULT_TOKEN").env("VAULT_ADDR", &agent.socket).args(["--kv", "2"]).fails(
        "vault-exec: read {kv}/a: permission denied (403): the agent has no valid token\n\
         hint: see the agent's log: it could not log in, or it does not add its token (use_auto_auth_token)\n",
    );
}

#[test]
fn a_server_address_needs_a_token() {
    let vault = vault();
    let agent = agent("proxy", &vault, true);
    vault.without("VAULT_TOKEN").env("VAULT_ADDR", format!("http://127.0.0.1:{}", agent.port)).fails(
        "vault-exec: no token: VAULT_TOKEN is not set, --token-file is not given and {home}/.vault-token does not \
         exist\n\
         hint: set VAULT_TOKEN, give a --token-file, choose an --auth method, \
         or log in with `vault login`\n",
    );
}

const HINT: &str = "hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n";

#[test]
fn a_missing_socket_is_retried_and_named() {
    let vault =
        TestVault::bare().env("VAULT_ADDR", "unix://{home}/none").args(["--path", "secret/a", "--timeout", "1s"]);
    let fails = |vault: &TestVault, why: &str| {
        vault.fails(&format!(
            "vault-exec: waiting for {{addr}}: {why} (for 1s at most)\n\
             vault-exec: read secret/a: {{addr}}: {why}; gave up after 1s (--timeout)\n{HINT}"
        ));
    };
    fails(&vault, "no such socket");
    fails(&vault.clone().file("none", "a file"), "connection refused");
    fails(&vault.clone().env("VAULT_ADDR", "unix://{home}/none/none"), "not a directory");
    drop(UnixListener::bind(vault.fill("{home}/left")).unwrap());
    fails(&vault.env("VAULT_ADDR", "unix://{home}/left"), "connection refused");
}

#[test]
fn an_agent_that_starts_later_is_retried() {
    let vault = vault();
    let agent = agent("proxy", &vault, true);
    let vault = vault.without("VAULT_TOKEN").env("VAULT_ADDR", "unix://{home}/later");
    let (link, socket) = (vault.fill("{home}/later"), agent.socket["unix://".len()..].to_owned());
    let mut command = vault.command(["printenv", "K"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(700));
    symlink(socket, link).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "v\n");
    let waiting = vault.fill("vault-exec: waiting for {addr}: no such socket (for 1m at most)\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), waiting);
}

/// A redirect leads to the socket as well, past every proxy.
#[test]
fn a_socket_is_sent_no_credential_of_a_proxy() {
    let vault = TestVault::bare().env("VAULT_ADDR", "unix://{home}/socket").args(["--path", "secret/a"]);
    let socket = UnixListener::bind(vault.fill("{home}/socket")).unwrap();
    let requests = thread::spawn(move || {
        let answer = |mut stream: UnixStream| {
            let head: Vec<_> =
                BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            let redirect = "HTTP/1.1 307 x\r\nLocation: http://vault.test/x\r\nContent-Length: 0\r\n\r\n";
            stream.write_all(redirect.as_bytes()).unwrap();
            head.join("\n").to_lowercase()
        };
        socket.incoming().take(2).map(|stream| answer(stream.unwrap())).collect::<Vec<_>>()
    });
    vault.env("VAULT_PROXY_ADDR", "http://user:canary@127.0.0.1:1").fails(
        "vault-exec: read secret/a: {addr}: redirected to http://vault.test, but only one redirect is followed\n\
         hint: give the address of the server that answers; this one is from VAULT_ADDR\n",
    );
    let requests = requests.join().unwrap();
    assert!(requests[1].starts_with("get /x http/1.1\n"), "{requests:?}");
    assert!(requests.iter().all(|request| !request.contains("proxy-authorization")), "{requests:?}");
}

#[test]
fn a_socket_needs_an_absolute_path() {
    let vault = TestVault::bare().args(["--path", "secret/a"]);
    for odd in ["unix://run/agent.sock", "unix:/run/agent.sock", "unix://"] {
        vault.clone().env("VAULT_ADDR", odd).fails(&format!(
            "vault-exec: VAULT_ADDR: `{odd}`: expected an address that starts with https://, http:// or unix:///\n"
        ));
    }
}
