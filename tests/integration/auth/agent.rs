//! A real `bao agent` or `bao proxy` that logs in for everybody: vault-exec needs no token at all.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::tls::{Helper, eventually};
use crate::support::vault::{Bed, DOUBTED, bao, free_port, new_dir};

/// An agent in front of a bed's server, and where it listens.
struct Agent {
    _helper: Helper,
    socket: String,
    strict: String,
    port: u16,
}

/// A secret, and a role that may read it.
fn bed() -> Bed {
    let bed = Bed::kv2().secret("a", [("k", "v")]).secret("b", [("l", "w")]).path("a");
    let policy = bed.fill("path \"{kv}/data/a\" { capabilities = [\"read\"] }");
    bed.having("sys/policies/acl/{kv}", &json!({ "policy": policy }))
}

/// Starts `bao agent` or `bao proxy` with the role of a bed, or with one that does not exist.
fn agent(kind: &str, bed: &Bed, known: bool) -> Agent {
    let bed = bed.clone().having("sys/auth/{kv}", &json!({"type": "approle"}));
    let role = json!({"token_policies": [bed.fill("{kv}")]});
    let bed = bed.having("auth/{kv}/role/app", &role).having("auth/{kv}/role/app/role-id", &json!({"role_id": "app"}));
    let bed = bed.having("auth/{kv}/role/app/custom-secret-id", &json!({"secret_id": "of-the-agent"}));
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
        addr = bed.fill("{addr}"),
        kv = bed.fill("{kv}"),
        dir = dir.display(),
        socket = socket.display(),
        strict = strict.display()
    );
    let file = dir.join("agent.hcl");
    fs::write(&file, config).unwrap();
    let helper = Helper::start(&[bao(), kind, &format!("-config={}", file.display())], dir.join("log"));
    let state = if known { "authentication successful" } else { "error authenticating" };
    eventually("the agent", || helper.log().contains(state) && strict.exists());
    let address = |socket: &std::path::Path| format!("unix://{}", socket.display());
    Agent { socket: address(&socket), strict: address(&strict), _helper: helper, port }
}

#[track_caller]
fn works(bed: &Bed) {
    bed.environ().has("K", "v").lacks("VAULT_TOKEN").stderr_is("");
}

#[test]
fn with_an_agent_no_token_is_needed() {
    for kind in ["agent", "proxy"] {
        let bed = bed();
        let agent = agent(kind, &bed, true);
        let bed = bed.without("VAULT_TOKEN");
        works(&bed.clone().env("VAULT_ADDR", &agent.socket));
        works(&bed.clone().args(["--address", &agent.socket]));
        works(&bed.clone().env("BAO_ADDR", &agent.socket).env("VAULT_ADDR", "http://127.0.0.1:1"));
        for variable in ["VAULT_AGENT_ADDR", "BAO_AGENT_ADDR"] {
            works(&bed.clone().env(variable, &agent.socket).env("VAULT_ADDR", "http://127.0.0.1:1"));
            works(&bed.clone().env(variable, format!("http://127.0.0.1:{}", agent.port)));
        }
        works(&bed.clone().env("VAULT_ADDR", &agent.socket).env("HTTPS_PROXY", "http://127.0.0.1:1"));
        works(&bed.clone().env("VAULT_ADDR", &agent.socket).env("VAULT_PROXY_ADDR", "http://127.0.0.1:1"));
        // Somebody must have meant to reach it, or a foreign page in a browser could ask it.
        works(&bed.env("VAULT_ADDR", &agent.strict));
    }
}

#[test]
fn nothing_is_left_in_the_environment_where_there_was_no_token() {
    let bed = bed();
    let agent = agent("proxy", &bed, true);
    let bed = bed.without("VAULT_TOKEN").env("VAULT_ADDR", &agent.socket);
    works(&bed.clone().args(["--keep-token"]));
    works(&bed.clone().args(["--keep-token"]).env("VAULT_TOKEN", ""));
    works(&bed.args(["--no-revoke"]));
}

#[test]
fn a_token_that_is_there_is_used_all_the_same() {
    let bed = bed();
    let agent = agent("proxy", &bed, true);
    let bed = bed.env("VAULT_ADDR", &agent.socket);
    bed.clone().path("b").environ().has("K", "v").has("L", "w").stderr_is("");
    bed.clone().args(["--keep-token"]).environ().has("VAULT_TOKEN", crate::support::vault::ROOT);
    bed.env("VAULT_TOKEN", "hvs.wrong")
        .run(["echo", "the program was started"])
        .exits(125)
        .stdout_is("")
        .stderr_is(DOUBTED);
}

#[test]
fn what_the_role_of_the_agent_may_not_read_is_refused_with_the_policy_it_lacks() {
    let bed = bed();
    let agent = agent("proxy", &bed, true);
    bed.without("VAULT_TOKEN").env("VAULT_ADDR", &agent.socket).path("b").args(["--kv", "2"]).fails(
        "vault-exec: read {kv}/b: permission denied (403)\n\
         hint: a policy of the token must hold\npath \"{kv}/data/b\" {\n  capabilities = [\"read\"]\n}\n",
    );
}

#[test]
fn an_agent_that_could_not_log_in_is_named() {
    let bed = bed();
    let agent = agent("proxy", &bed, false);
    bed.without("VAULT_TOKEN").env("VAULT_ADDR", &agent.socket).args(["--kv", "2"]).fails(
        "vault-exec: read {kv}/a: permission denied (403): the agent has no valid token\n\
         hint: look into its log: it could not log in, or it does not add its token (use_auto_auth_token)\n",
    );
}

#[test]
fn an_address_that_is_not_an_agents_still_needs_a_token() {
    let bed = bed();
    let agent = agent("proxy", &bed, true);
    bed.without("VAULT_TOKEN").env("VAULT_ADDR", format!("http://127.0.0.1:{}", agent.port)).fails(
        "vault-exec: no token: VAULT_TOKEN is not set, --token-file is not given and there is no {home}/.vault-token\n\
         hint: set VAULT_TOKEN, name a --token-file, choose an --auth method, \
         or log in with `bao login` or `vault login`\n",
    );
}

const HINT: &str = "hint: check that the server runs and is reachable; the address is from VAULT_ADDR\n";

#[test]
fn a_socket_that_is_not_there_is_waited_for_and_named() {
    let bed = Bed::bare().env("VAULT_ADDR", "unix://{home}/none").args(["--path", "secret/a", "--timeout", "1s"]);
    let fails = |bed: &Bed, why: &str| {
        bed.fails(&format!(
            "vault-exec: waiting for {{addr}}: {why} (for 1s at most)\n\
             vault-exec: read secret/a: {{addr}}: {why}; gave up after 1s (--timeout)\n{HINT}"
        ));
    };
    fails(&bed, "no such socket");
    fails(&bed.clone().file("none", "a file"), "connection refused");
    fails(&bed.clone().env("VAULT_ADDR", "unix://{home}/none/none"), "not a directory");
    drop(UnixListener::bind(bed.fill("{home}/left")).unwrap());
    fails(&bed.env("VAULT_ADDR", "unix://{home}/left"), "connection refused");
}

#[test]
fn an_agent_that_starts_later_is_waited_for() {
    let bed = bed();
    let agent = agent("proxy", &bed, true);
    let bed = bed.without("VAULT_TOKEN").env("VAULT_ADDR", "unix://{home}/later");
    let (link, socket) = (bed.fill("{home}/later"), agent.socket["unix://".len()..].to_owned());
    let mut command = bed.command(["printenv", "K"]);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_millis(700));
    symlink(socket, link).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "v\n");
    let waiting = bed.fill("vault-exec: waiting for {addr}: no such socket (for 1m at most)\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), waiting);
}

#[test]
fn a_socket_must_be_named_by_its_whole_path() {
    let bed = Bed::bare().args(["--path", "secret/a"]);
    for odd in ["unix://run/agent.sock", "unix:/run/agent.sock", "unix://"] {
        bed.clone().env("VAULT_ADDR", odd).fails(&format!(
            "vault-exec: VAULT_ADDR: `{odd}` is not an address: it starts with none of https://, http:// and unix:///\n\
             hint: for example https://vault.example.com:8200\n"
        ));
    }
}
