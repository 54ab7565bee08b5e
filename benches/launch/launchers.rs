//! The launchers that are compared.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::launcher::{Launcher, State};
use crate::server::{BenchServer, TOKEN, stdout_of};
use crate::{BENCHES, TOOLS};

/// What a start does on the wire.
struct Shape {
    name: &'static str,
    tls: bool,
    host: &'static str,
    paths: usize,
    environment: Vec<(&'static str, String)>,
}

/// Those whose name contains `word`, or all.
fn shapes(server: &BenchServer, word: &str) -> anyhow::Result<Vec<Shape>> {
    let file = |name: &str| server.dir.join(name).display().to_string();
    let token = || vec![("VAULT_TOKEN", TOKEN.to_owned())];
    let role_id = server.bao(&["read", "-field=role_id", "auth/approle/role/bench/role-id"])?;
    let secret_id = server.bao(&["write", "-force", "-field=secret_id", "auth/approle/role/bench/secret-id"])?;
    let approle = vec![("VAULT_ROLE_ID", role_id), ("VAULT_SECRET_ID", secret_id)];
    let with_ca = [token(), vec![("VAULT_CACERT", file("ca.pem"))]].concat();
    let with_store = [token(), vec![("SSL_CERT_FILE", file("store.pem"))]].concat();
    let new = |name, tls, host, paths, environment| Shape { name, tls, host, paths, environment };
    let mut shapes = vec![
        new("HTTP", false, "127.0.0.1", 1, token()),
        new("ten paths", false, "127.0.0.1", 10, token()),
        new("AppRole", false, "127.0.0.1", 1, approle),
        new("TLS", true, "127.0.0.1", 1, with_ca.clone()),
        new("TLS by name", true, "localhost", 1, with_ca),
        new("TLS, system's store", true, "127.0.0.1", 1, with_store),
    ];
    shapes.retain(|shape| word == "all" || shape.name.contains(word));
    Ok(shapes)
}

/// For each shape and state: the floors and the binaries that do the same.
pub(crate) fn pairs(server: &BenchServer, word: &str, binaries: &[String]) -> anyhow::Result<Vec<Launcher>> {
    let mut launchers = Vec::new();
    for (state, folder) in [(State::Found, "found"), (State::Copied, "copied")] {
        let dir = server.dir.join(folder);
        fs::create_dir(&dir)?;
        let place = |file: &Path, name: &str| -> anyhow::Result<String> {
            fs::copy(file, dir.join(name))?;
            Ok(dir.join(name).display().to_string())
        };
        let compiled = |name: &str| place(&server.dir.join(name), name);
        let (target, floor, floor_glibc) = (compiled("target")?, compiled("floor")?, compiled("floor-glibc")?);
        let floor_tls = compiled("floor-tls")?;
        let mut placed = Vec::new();
        for (index, binary) in binaries.iter().enumerate() {
            let name = if binaries.len() == 1 { "vault-exec" } else { binary };
            placed.push((name, place(Path::new(binary), &format!("vault-exec{index}"))?));
        }
        if state == State::Found {
            drop_page_cache()?;
        }
        let new = |name: &str, shape, argv: Vec<String>, environment| Launcher {
            name: name.to_owned(),
            shape,
            state,
            files: vec![argv[0].clone().into()],
            argv,
            environment,
            runs: Vec::new(),
            crashes: 0,
        };
        launchers.push(new("bare exec", "", vec![target.clone()], vec![("PASSWORD1", "value1".into())]));
        for Shape { name: shape, tls, host, paths, environment } in shapes(server, word)? {
            let port = if tls { server.tls_port } else { server.http_port }.to_string();
            let with_floor =
                |floor: &str| vec![floor.to_owned(), host.into(), port.clone(), paths.to_string(), target.clone()];
            let floors = [("C floor", if tls { &floor_tls } else { &floor }), ("C floor, glibc", &floor_glibc)];
            for (name, floor) in &floors[..if shape == "HTTP" { 2 } else { 1 }] {
                launchers.push(new(name, shape, with_floor(floor), environment.clone()));
            }
            let scheme = if tls { "https" } else { "http" };
            let environment = [environment, vec![("VAULT_ADDR", format!("{scheme}://{host}:{port}"))]].concat();
            for (name, binary) in &placed {
                let mut argv = vec![binary.clone()];
                argv.extend((1..=paths).flat_map(|path| ["--path".into(), format!("secret/bench{path}")]));
                argv.extend(["--".into(), target.clone()]);
                launchers.push(new(name, shape, argv, environment.clone()));
            }
        }
    }
    Ok(launchers)
}

fn drop_page_cache() -> anyhow::Result<()> {
    stdout_of(&mut Command::new("sync"))?;
    fs::write("/proc/sys/vm/drop_caches", "3").context("dropping the page cache requires root")
}

/// Other tools that start the program with one secret over HTTP.
pub(crate) fn peers(server: &BenchServer) -> anyhow::Result<Vec<Launcher>> {
    let dir = server.dir.display().to_string();
    let target = format!("{dir}/target");
    let address = format!("http://127.0.0.1:{}", server.http_port);
    let http = || vec![("VAULT_ADDR", address.clone()), ("VAULT_TOKEN", TOKEN.into())];
    let to_argv = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let which =
        |tool: &str| stdout_of(Command::new("sh").args(["-c", &format!("command -v {tool}")])).map(PathBuf::from);
    // The interpreter itself: the wrapper of a version manager would add to its time.
    let interpreter = stdout_of(Command::new("python3").args(["-c", "import sys; print(sys.executable)"]))?;
    let script = format!(
        "PASSWORD1=$(curl -sf -H \"X-Vault-Token: $VAULT_TOKEN\" \"$VAULT_ADDR/v1/secret/data/bench1\" | \
         jq -er .data.data.password1) || exit; export PASSWORD1; unset VAULT_TOKEN; exec {target}"
    );
    let python = |package: &str, environment: Vec<(&'static str, String)>| {
        [environment, vec![("PYTHONPATH", format!("{TOOLS}/{package}"))]].concat()
    };
    let vault_cli = vec![("VAULT_CLI_URL", address.clone()), ("VAULT_CLI_TOKEN", TOKEN.into())];
    let secretspec = format!("{TOOLS}/secretspec/bin/secretspec");
    let provider = format!("openbao://127.0.0.1:{}/secret?tls=false", server.http_port);
    let new = |name: &str, argv, environment, files| Launcher {
        name: name.to_owned(),
        shape: "HTTP",
        state: State::Installed,
        argv,
        environment,
        files,
        runs: Vec::new(),
        crashes: 0,
    };
    let with_hvac = to_argv(&[&interpreter, &format!("{BENCHES}/with_hvac.py"), &target]);
    let mut vault_cli_env = to_argv(&[&interpreter, &format!("{TOOLS}/vault-cli/bin/vault-cli")]);
    vault_cli_env.extend(to_argv(&["env", "--path", "kv1/bench1", "--", &target]));
    let agent = to_argv(&[&server.bao, "agent", "-log-level=error", &format!("-config={dir}/agent.hcl")]);
    let folder = |package: &str| vec![PathBuf::from(format!("{TOOLS}/{package}"))];
    let mut launchers = vec![
        new("sh, curl and jq", to_argv(&["sh", "-c", &script]), http(), vec![which("curl")?, which("jq")?]),
        new("Python with hvac", with_hvac, python("hvac", http()), folder("hvac")),
        new("vault-cli env (KV v1)", vault_cli_env, python("vault-cli", vault_cli), folder("vault-cli")),
        new("bao agent, exec", agent, Vec::new(), vec![server.bao.clone().into()]),
    ];
    if Path::new(&secretspec).exists() {
        let argv = to_argv(&[&secretspec, "run", "--provider", &provider, "--", &target]);
        launchers.push(new("secretspec run", argv, http(), vec![secretspec.into()]));
    }
    Ok(launchers)
}
