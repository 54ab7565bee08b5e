//! Every way a value takes to the program, or is kept from it.

use std::array;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::version::TLS13;
use serde_json::{Value, json};

use crate::mapping::templates_in_programs::Memory;
use crate::support::vault::Bed;

use super::keys::Tls;
use super::random;
use super::scene::{Scene, prove_all};

/// What is done with values, and a scene of it in a bed.
type Way = (&'static str, fn(Bed) -> Scene);

const WAYS: [Way; 17] = [
    ("two keys", |bed| {
        let [user, password] = secrets();
        let bed = bed.secret("app", with(&[("user", &user), ("password", &password)])).path("app");
        Scene::of(bed).once("USER", user).once("PASSWORD", password)
    }),
    ("several paths, one of which overrides another", |bed| {
        let [lost, won, first, second] = secrets();
        let bed = bed
            .secret("first", with(&[("first", &first), ("both", &lost)]))
            .secret("second", with(&[("second", &second), ("both", &won)]))
            .path("first")
            .path("second");
        Scene::of(bed).once("FIRST", first).once("SECOND", second).once("BOTH", won).never("overridden value", lost)
    }),
    ("ten paths", |mut bed| {
        let values: [String; 10] = secrets();
        for (number, value) in values.iter().enumerate() {
            let name = format!("app{number}");
            bed = bed.secret(&name, with(&[(&name, value)])).path(&name);
        }
        let scene = Scene::of(bed);
        values.iter().enumerate().fold(scene, |scene, (number, value)| scene.once(&format!("APP{number}"), value))
    }),
    ("a path that may be absent, and is", |bed| {
        let [secret] = secrets();
        let bed = bed.secret("app", with(&[("a", &secret)])).path("app").args(["--optional-path", "{kv}/none"]);
        Scene::of(bed).once("A", secret)
    }),
    ("an engine that is looked up", |bed| {
        let [secret] = secrets();
        let [nested, _] = Bed::each_nested();
        let nested = nested.secret("app", with(&[("a", &secret)]));
        Scene::of(bed.args(["--path", &nested.fill("{kv}/app")])).once("A", secret)
    }),
    ("keys that are left out", |bed| {
        let [taken, left, replaced] = secrets();
        let bed = bed.secret("app", with(&[("taken", &taken), ("left", &left), ("home", &replaced)])).path("app");
        let bed = bed.args(["--skip", "left", "--skip", "home"]);
        Scene::of(bed).once("TAKEN", taken).never("value left out", left).never("other value left out", replaced)
    }),
    ("a key that is picked", |bed| {
        let [taken, left] = secrets();
        let bed = bed.secret("app", with(&[("taken", &taken), ("left", &left)])).path("app").args(["--only", "taken"]);
        Scene::of(bed).once("TAKEN", taken).never("value left out", left)
    }),
    ("a variable that is there already, and stays", |bed| {
        let [secret, inherited] = secrets();
        let bed = bed.secret("app", with(&[("a", &secret)])).path("app").args(["--on-conflict", "env"]);
        Scene::of(bed).inherited("A", &inherited).never("value that lost", secret)
    }),
    ("a variable that is replaced, in an empty environment", |bed| {
        let [secret] = secrets();
        let bed = bed.secret("app", with(&[("a", &secret)])).path("app");
        Scene::of(bed.env("A", "inherited").args(["--pristine", "--keep-env", "PATH"])).once("A", secret)
    }),
    ("long values, and values with escapes", |bed| {
        let long = random(100 * 1024);
        let escaped = format!("{}\"\\\n<&>\u{e9}\u{2028}\u{1f511}{}\t{}", random(24), random(24), random(24));
        let [inner] = secrets();
        let keys = json!({"long": long, "escaped": escaped, "object": {"inner": inner}});
        let scene = Scene::of(bed.secret("app", keys).path("app")).once("LONG", long).once("ESCAPED", escaped);
        scene.once("OBJECT", format!(r#"{{"inner":"{inner}"}}"#))
    }),
    ("values of all lengths", |bed| {
        let values: [String; 6] = array::from_fn(|number| random(40 << number));
        let name = |number: usize| format!("a{number}");
        let keys = values.iter().enumerate().map(|(number, value)| (name(number), value.as_str().into()));
        let scene = Scene::of(bed.secret("app", Value::Object(keys.collect())).path("app"));
        let numbered = values.iter().enumerate();
        numbered.fold(scene, |scene, (number, value)| scene.once(&name(number).to_uppercase(), value))
    }),
    ("a story, in text", |bed| told(bed, "text")),
    ("a story, in JSON", |bed| told(bed, "json")),
    ("values that are composed and encoded", |bed| {
        let [user, other] = secrets();
        let password = format!("{}@:/{}", random(24), random(24));
        let url = format!("pg://{user}:{}@db", password.replace('@', "%40").replace(':', "%3A").replace('/', "%2F"));
        let bed = bed
            .secret("db", with(&[("user", &user), ("password", &password), ("other", &other)]))
            .path("db")
            .args(["--explicit", "--set", "URL=pg://{user|url}:{password|url}@db", "--set", "B={other|base64}"]);
        let scene = Scene::of(bed).once("URL", url).once("B", STANDARD.encode(&other));
        scene.never("user", user).never("password", password).never("plain value", other)
    }),
    ("values that are variables and parts of others", |bed| {
        let [user, password] = secrets();
        let bed = bed.secret("db", with(&[("user", &user), ("password", &password)])).path("db");
        let bed = bed.args(["--set", "B={user|base64}", "--set", "PGPASSWORD={password}", "--skip", "password"]);
        Scene::of(bed).once("B", STANDARD.encode(&user)).once("USER", user).once("PGPASSWORD", password)
    }),
    ("values in files in memory", |bed| in_files(bed).passing("PGPASSFILE=/proc/self/fd/")),
    ("values in files in a directory", |bed| {
        let directory = Memory::new();
        let scene = in_files(bed.args(["--file-dir", directory.path()]));
        scene.passing("PGPASSFILE=/dev/shm/").with(directory)
    }),
];

#[test]
fn every_value_over_http() {
    prove_all(scenes().map(|(name, scene)| (format!("{name}, over HTTP"), scene)));
}

#[test]
fn every_value_over_tls() {
    prove_all(scenes().map(|(name, scene)| (format!("{name}, over TLS 1.3"), scene.over(Tls::of(&TLS13)))));
}

fn scenes() -> impl Iterator<Item = (String, Scene)> {
    WAYS.iter().flat_map(|(name, scene)| {
        Bed::each().map(|bed| {
            let token = random(32);
            let bed = bed.having("auth/token/create", &json!({"id": token, "policies": ["root"], "no_parent": true}));
            let engine = if bed.is_kv1() { "KV v1" } else { "KV v2" };
            (format!("{name}, {engine}"), scene(bed.env("VAULT_TOKEN", &token)).never("token", token))
        })
    })
}

fn told(bed: Bed, format: &str) -> Scene {
    let [secret] = secrets();
    let bed = bed.secret("app", with(&[("a", &secret)])).path("app");
    Scene::of(bed.args(["-vv", "--log-format", format])).once("A", secret)
}

fn in_files(bed: Bed) -> Scene {
    let [password] = secrets();
    let long = random(5 * 1024);
    let bed = bed.secret("db", with(&[("password", &password), ("long", &long)])).path("db");
    let files = ["--file", "PGPASSFILE=*:*:*:*:{password}\n", "--file", "F={password|base64}{long}"];
    let scene = Scene::of(bed.args(["--explicit"]).args(files));
    scene.never("password in a file", password).never("long value in a file", long)
}

fn secrets<const N: usize>() -> [String; N] {
    array::from_fn(|_| random(32))
}

fn with(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect::<serde_json::Map<_, _>>().into()
}
