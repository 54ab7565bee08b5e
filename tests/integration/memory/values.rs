//! Every way a value takes to the program, or is kept from it.

use std::array;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::version::TLS13;
use serde_json::{Value, json};

use super::case::{MemoryCase, prove_all};
use super::keys::Tls;
use super::random;
use crate::support::api::text;
use crate::support::scratch::TmpfsDir;
use crate::support::vault::TestVault;

/// A name, and the case with this test vault.
type Way = (&'static str, fn(TestVault) -> MemoryCase);

const WAYS: [Way; 20] = [
    ("two keys", |vault| {
        let [user, password] = secrets();
        let vault = vault.secret("app", with(&[("user", &user), ("password", &password)])).path("app");
        MemoryCase::of(vault).once("USER", user).once("PASSWORD", password)
    }),
    ("several paths, one of which overrides another", |vault| {
        let [lost, won, first, second] = secrets();
        let vault = vault
            .secret("first", with(&[("first", &first), ("both", &lost)]))
            .secret("second", with(&[("second", &second), ("both", &won)]))
            .path("first")
            .path("second");
        MemoryCase::of(vault)
            .once("FIRST", first)
            .once("SECOND", second)
            .once("BOTH", won)
            .never("overridden value", lost)
    }),
    ("ten paths", |mut vault| {
        let values: [String; 10] = secrets();
        for (number, value) in values.iter().enumerate() {
            let name = format!("app{number}");
            vault = vault.secret(&name, with(&[(&name, value)])).path(&name);
        }
        let case = MemoryCase::of(vault);
        values.iter().enumerate().fold(case, |case, (number, value)| case.once(&format!("APP{number}"), value))
    }),
    ("a path that may be absent, and is", |vault| {
        let [secret] = secrets();
        let vault = vault.secret("app", with(&[("a", &secret)])).path("app").args(["--optional-path", "{kv}/none"]);
        MemoryCase::of(vault).once("A", secret)
    }),
    ("an engine that is looked up", |vault| {
        let [secret] = secrets();
        let [nested, _] = TestVault::each_nested();
        let nested = nested.secret("app", with(&[("a", &secret)]));
        MemoryCase::of(vault.args(["--path", &nested.fill("{kv}/app")])).once("A", secret)
    }),
    ("keys that are left out", |vault| {
        let [taken, left, replaced] = secrets();
        let vault = vault.secret("app", with(&[("taken", &taken), ("left", &left), ("home", &replaced)])).path("app");
        let vault = vault.args(["--skip", "left", "--skip", "home"]);
        MemoryCase::of(vault).once("TAKEN", taken).never("value left out", left).never("other value left out", replaced)
    }),
    ("a key that is picked", |vault| {
        let [taken, left] = secrets();
        let vault =
            vault.secret("app", with(&[("taken", &taken), ("left", &left)])).path("app").args(["--only", "taken"]);
        MemoryCase::of(vault).once("TAKEN", taken).never("value left out", left)
    }),
    ("a variable that is there already, and stays", |vault| {
        let [secret, inherited] = secrets();
        let vault = vault.secret("app", with(&[("a", &secret)])).path("app").args(["--on-conflict", "env"]);
        MemoryCase::of(vault).inherited("A", &inherited).never("value that lost", secret)
    }),
    ("a variable that is replaced, in an empty environment", |vault| {
        let [secret] = secrets();
        let vault = vault.secret("app", with(&[("a", &secret)])).path("app");
        MemoryCase::of(vault.env("A", "inherited").args(["--pristine", "--keep-env", "PATH"])).once("A", secret)
    }),
    ("long values, and values with escapes", |vault| {
        let long = random(100 * 1024);
        let escaped = format!("{}\"\\\n<&>\u{e9}\u{2028}\u{1f511}{}\t{}", random(24), random(24), random(24));
        let [inner] = secrets();
        let keys = json!({"long": long, "escaped": escaped, "object": {"inner": inner}});
        let case = MemoryCase::of(vault.secret("app", keys).path("app")).once("LONG", long).once("ESCAPED", escaped);
        case.once("OBJECT", format!(r#"{{"inner":"{inner}"}}"#))
    }),
    ("values of all lengths", |vault| {
        let values: [String; 6] = array::from_fn(|number| random(40 << number));
        let name = |number: usize| format!("a{number}");
        let keys = values.iter().enumerate().map(|(number, value)| (name(number), value.as_str().into()));
        let case = MemoryCase::of(vault.secret("app", Value::Object(keys.collect())).path("app"));
        let numbered = values.iter().enumerate();
        numbered.fold(case, |case, (number, value)| case.once(&name(number).to_uppercase(), value))
    }),
    ("a story, in text", |vault| told(vault, "text")),
    ("a story, in JSON", |vault| told(vault, "json")),
    ("values that are composed and encoded", |vault| {
        let [user, other] = secrets();
        let password = format!("{}@:/{}", random(24), random(24));
        let url = format!("pg://{user}:{}@db", password.replace('@', "%40").replace(':', "%3A").replace('/', "%2F"));
        let vault = vault
            .secret("db", with(&[("user", &user), ("password", &password), ("other", &other)]))
            .path("db")
            .args(["--explicit", "--set", "URL=pg://{user|url}:{password|url}@db", "--set", "B={other|base64}"]);
        let case = MemoryCase::of(vault).once("URL", url).once("B", STANDARD.encode(&other));
        case.never("user", user).never("password", password).never("plain value", other)
    }),
    ("values that are decoded and selected", |vault| {
        let [member, other] = secrets();
        let bundle = STANDARD.encode(json!({"a": [other, {"b": member}]}).to_string());
        let vault = vault.secret("db", with(&[("bundle", &bundle), ("plain", &STANDARD.encode(&other))])).path("db");
        let vault =
            vault.args(["--explicit", "--set", "A={bundle|unbase64|json:/a/1/b}", "--set", "B={plain|unbase64}"]);
        MemoryCase::of(vault).once("A", member).once("B", other).never("bundle", bundle)
    }),
    ("values in place of references", |vault| {
        let [whole, part, other] = secrets();
        let vault = vault.secret("db", with(&[("whole", &whole), ("part", &part), ("other", &other)]));
        let vault =
            vault.args(["--references"]).env("A", "vault:{kv}/db#whole").env("B", "pg://${vault:{kv}/db#part}@db");
        MemoryCase::of(vault).once("A", whole).once("B", format!("pg://{part}@db")).never("other key", other)
    }),
    ("a value that is created for the start, and what is sent for it", |vault| {
        let [created, sent] = secrets();
        let vault = vault.posted("sys/mounts/t-{kv}", &json!({"type": "transit"})).posted("t-{kv}/keys/k", &json!({}));
        let plaintext = json!({"plaintext": STANDARD.encode(&created)});
        let ciphertext = text(&vault.post("t-{kv}/encrypt/k", &plaintext)["data"]["ciphertext"]);
        let write = format!("t-{{kv}}/decrypt/k?ciphertext={ciphertext}&other=@{{home}}/field");
        let vault = vault.file("field", &sent).args(["--write", &write]);
        let vault = vault.args(["--explicit", "--set", "A={plaintext|unbase64}"]);
        MemoryCase::of(vault).once("A", created).never("field of a request", sent)
    }),
    ("values that are variables and parts of others", |vault| {
        let [user, password] = secrets();
        let vault = vault.secret("db", with(&[("user", &user), ("password", &password)])).path("db");
        let vault = vault.args(["--set", "B={user|base64}", "--set", "PGPASSWORD={password}", "--skip", "password"]);
        MemoryCase::of(vault).once("B", STANDARD.encode(&user)).once("USER", user).once("PGPASSWORD", password)
    }),
    ("values in files in memory", |vault| in_files(vault).passing("PGPASSFILE=/proc/self/fd/")),
    ("values in files in a directory", |vault| {
        let directory = TmpfsDir::new();
        let case = in_files(vault.args(["--file-dir", directory.path()]));
        case.passing("PGPASSFILE=/dev/shm/").with(directory)
    }),
];

#[test]
#[ignore = "root: reads the memory of vault-exec"]
fn each_value_over_http_is_in_memory_once() {
    prove_all(cases().map(|(name, case)| (format!("{name}, over HTTP"), case)));
}

#[test]
#[ignore = "root: reads the memory of vault-exec"]
fn each_value_over_tls_is_in_memory_once() {
    prove_all(cases().map(|(name, case)| (format!("{name}, over TLS 1.3"), case.over(Tls::of(&TLS13)))));
}

fn cases() -> impl Iterator<Item = (String, MemoryCase)> {
    WAYS.iter().flat_map(|(name, case)| {
        TestVault::each().map(|vault| {
            let token = random(32);
            let vault =
                vault.posted("auth/token/create", &json!({"id": token, "policies": ["root"], "no_parent": true}));
            let engine = if vault.is_kv1() { "KV v1" } else { "KV v2" };
            (format!("{name}, {engine}"), case(vault.env("VAULT_TOKEN", &token)).never("token", token))
        })
    })
}

fn told(vault: TestVault, format: &str) -> MemoryCase {
    let [secret] = secrets();
    let vault = vault.secret("app", with(&[("a", &secret)])).path("app");
    MemoryCase::of(vault.args(["-vv", "--log-format", format])).once("A", secret)
}

fn in_files(vault: TestVault) -> MemoryCase {
    let [password] = secrets();
    let long = random(5 * 1024);
    let vault = vault.secret("db", with(&[("password", &password), ("long", &long)])).path("db");
    let files = ["--file", "PGPASSFILE=*:*:*:*:{password}\n", "--file", "F={password|base64}{long}"];
    let case = MemoryCase::of(vault.args(["--explicit"]).args(files));
    case.never("password in a file", password).never("long value in a file", long)
}

fn secrets<const N: usize>() -> [String; N] {
    array::from_fn(|_| random(32))
}

fn with(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect::<serde_json::Map<_, _>>().into()
}
