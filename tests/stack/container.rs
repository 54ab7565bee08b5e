//! The image with nothing but vault-exec, and what becomes of it in images of other people.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::docker::{Container, Image, Network, Outcome, Running, docker};

const SECRET: &str = "canary-of-the-container-tests";
const TOKEN: &str = "token-of-the-container-tests";

static VAULT_EXEC: LazyLock<Image> = LazyLock::new(|| Image::build(&["--file", "docker/Dockerfile", "."]));

/// A target of the Dockerfile beside this file.
fn image(target: &str) -> Image {
    let argument = format!("VAULT_EXEC={}", VAULT_EXEC.tag);
    Image::build(&["--target", target, "--build-arg", &argument, "tests/stack"])
}

/// A server that is called `vault` in a network with others, and holds `secret/app`.
struct Vault {
    network: Network,
    _server: Running,
}

static VAULT: LazyLock<Vault> = LazyLock::new(|| {
    let network = Network::new(&[]);
    let server = Container::of("openbao/openbao:2.7.2")
        .on(&network)
        .options(&["--network-alias", "vault"])
        .env("BAO_DEV_ROOT_TOKEN_ID", TOKEN)
        .start(&["server", "-dev", "-dev-no-store-token"]);
    server.wrote("Development mode should NOT be used");
    let password = format!("password={SECRET}");
    let token = format!("BAO_TOKEN={TOKEN}");
    let client = ["--env", "BAO_ADDR=http://127.0.0.1:8200", "--env", &token];
    server.exec(&client, &["bao", "kv", "put", "secret/app", &password]).exits(0);
    Vault { network, _server: server }
});

impl Vault {
    /// A container beside it that knows its name and its token.
    fn client(&self, image: &Image) -> Container {
        Container::of(&image.tag).on(&self.network).env("VAULT_ADDR", "http://vault:8200").env("VAULT_TOKEN", TOKEN)
    }
}

/// A file of this test, which everybody may read.
struct Shared(PathBuf);

impl Shared {
    fn new(text: &str) -> Self {
        let path = std::env::temp_dir().join(crate::docker::unique());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
        Self(path)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn the_image_is_one_small_file_and_says_what_it_is() {
    let contents = image("contents");
    Container::of(&contents.tag).run(&[]).exits(0).stdout_is("/image/vault-exec\n");
    let about = |template: &str| docker(&["image", "inspect", "--format", template, &VAULT_EXEC.tag]);
    let size: u64 = about("{{.Size}}").parse().unwrap();
    assert!(size < 4_000_000, "{size} bytes");
    assert_eq!(about("{{.Config.User}}"), "65534:65534");
    assert_eq!(about("{{.Config.Entrypoint}}"), "[/vault-exec]");
    let label = |name| about(&format!(r#"{{{{index .Config.Labels "org.opencontainers.image.{name}"}}}}"#));
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("description"), env!("CARGO_PKG_DESCRIPTION").split(':').next().unwrap());
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    assert_eq!(label("source"), env!("CARGO_PKG_REPOSITORY"));
    Container::of(&VAULT_EXEC.tag).run(&["--version"]).exits(0).stdout_is(concat!(
        "vault-exec ",
        env!("CARGO_PKG_VERSION"),
        "\n"
    ));
}

#[test]
fn a_static_program_gets_its_secret_with_nothing_else_in_the_image() {
    let image = image("static");
    let running = VAULT.client(&image).hardened().start(&["/program", "stay"]);
    running.wrote("pid 1, user 65534\n").wrote(&format!("\nPASSWORD={SECRET}\n"));
    assert!(!running.logs().contains(TOKEN), "{}", running.logs());
    assert_eq!(running.top(), ["/program stay"]);
}

#[test]
fn a_program_in_an_image_of_others_is_the_first_process_and_the_only_one() {
    let image = image("python");
    let script = "import os, time; print(os.getpid(), os.environ['PASSWORD'], flush=True); time.sleep(600)";
    let running = VAULT.client(&image).hardened().start(&["python3", "-c", script]);
    running.wrote(&format!("1 {SECRET}\n"));
    assert_eq!(running.top(), [format!("python3 -c {script}")]);
}

#[test]
fn a_file_in_memory_works_under_the_default_seccomp_profile() {
    let image = image("python");
    let read = "import os; print(open(os.environ['PASSWORD_FILE']).read())";
    VAULT
        .client(&image)
        .hardened()
        .env("VAULT_EXEC_FILE", "PASSWORD_FILE={password}")
        .env("VAULT_EXEC_EXPLICIT", "true")
        .run(&["python3", "-c", read])
        .exits(0)
        .stdout_is(&format!("{SECRET}\n"));
}

#[test]
fn a_module_of_another_glibc_is_not_loaded() {
    let image = image("other-glibc");
    // A static program that leaves the choice to glibc dies of a second libc in there.
    Container::of(&image.tag).options(&["--entrypoint", "program"]).run(&["resolve", "vault"]).exits(128 + 8);
    VAULT.client(&image).run(&[]).exits(0).prints(&format!("PASSWORD={SECRET}"));
}

#[test]
fn an_end_while_waiting_is_prompt() {
    let image = image("static");
    // Nobody listens there, and nobody is called that.
    for address in ["http://127.0.0.1:8200", "http://nobody:8200"] {
        let waiting = VAULT.client(&image).hardened().env("VAULT_ADDR", address).start(&[]);
        waiting.wrote(&format!("vault-exec: waiting for {address}: "));
        let start = Instant::now();
        docker(&["stop", &waiting.name]);
        assert!(start.elapsed() < Duration::from_secs(2), "{address}: {:?}", start.elapsed());
        assert_eq!(waiting.code(), "143", "{address}: {}", waiting.logs());
    }
}

#[test]
fn the_deadline_does_not_wait_for_a_name_server() {
    let image = image("static");
    let cut_off = Network::new(&["--internal"]);
    let start = Instant::now();
    Container::of(&image.tag)
        .on(&cut_off)
        .hardened()
        .env("VAULT_ADDR", "http://nobody.example:8200")
        .env("VAULT_TOKEN", TOKEN)
        .env("VAULT_EXEC_TIMEOUT", "3s")
        .run(&[])
        .exits(125)
        .says("vault-exec: ");
    // The look-up alone takes 10 s. Starting the container takes its time, too.
    assert!(start.elapsed() < Duration::from_secs(9), "{:?}", start.elapsed());
}

#[test]
fn the_codes_are_those_of_the_program_or_tell_what_failed() {
    let image = image("static");
    let client = VAULT.client(&image);
    client.run(&["/program", "exit", "7"]).exits(7);
    let says = |outcome: Outcome, code, what: &str| outcome.exits(code).says(&format!("vault-exec: {what}"));
    says(client.clone().env("VAULT_TOKEN", "unknown").run(&[]), 125, "read secret/app: permission denied (403)");
    says(client.run(&["/etc/hosts"]), 126, "");
    says(client.run(&["/nothing"]), 127, "");
}

/// Docker gives a capability to root alone. A limit above that of the engine takes an engine with `CAP_SYS_RESOURCE`, which
/// one in a virtual machine may lack.
#[test]
fn memory_is_locked_where_the_limit_or_a_capability_allows() {
    let image = image("static");
    // The entrypoint of the image ends with `--`, so that options would be the program.
    let options = ["--ulimit=memlock=65536", "--entrypoint=/vault-exec"];
    let limited = VAULT.client(&image).hardened().options(&options);
    let check = ["--check", "--path", "secret/app"];
    limited.run(&check).exits(0).prints("memory    not locked: the limit is too low");
    limited.clone().options(&["--user=0", "--cap-add=IPC_LOCK"]).run(&check).exits(0).prints("memory    locked");
}

#[test]
fn the_engine_learns_no_secret() {
    let image = image("static");
    let token = Shared::new(TOKEN);
    let running = Container::of(&image.tag)
        .on(&VAULT.network)
        .hardened()
        .options(&["--volume", &format!("{}:/run/token:ro", token.0.display())])
        .env("VAULT_ADDR", "http://vault:8200")
        .env("VAULT_TOKEN_FILE", "/run/token")
        .env("VAULT_EXEC_VERBOSE", "2")
        .start(&["/vault-exec", "--version"]);
    assert_eq!(running.code(), "0", "{}", running.logs());
    let logs = running.logs();
    assert!(logs.contains("secret/app"), "{logs}");
    let inspect = docker(&["inspect", &running.name, &image.tag]);
    let history = docker(&["history", "--no-trunc", &image.tag]);
    for output in [logs, inspect, history] {
        assert!(!output.contains(SECRET) && !output.contains(TOKEN), "{output}");
    }
}
