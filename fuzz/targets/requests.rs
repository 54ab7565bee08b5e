//! Whatever stands in a path, a token, a namespace or the name of a user: the server is asked for exactly that, in one
//! well-formed request, or nothing is sent at all.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vault_exec::config::{Config, Credential, CredentialSource, GivenToken, Login, LoginMethod, ProjectSettings};
use vault_exec::error::Diagnostics;
use vault_exec_fuzz::{Exchange, Request, Server, fetch, inherited, resolve};

static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// What a target may set: nothing that opens a file or leaves the machine.
const NAMES: [&str; 21] = [
    "VAULT_EXEC_PATH",
    "VAULT_EXEC_OPTIONAL_PATH",
    "VAULT_EXEC_WRITE",
    "VAULT_EXEC_MOUNT",
    "VAULT_EXEC_KV",
    "VAULT_EXEC_AUTH",
    "VAULT_EXEC_AUTH_MOUNT",
    "VAULT_EXEC_AUTH_NAMESPACE",
    "VAULT_EXEC_ROLE",
    "VAULT_EXEC_UNWRAP_TOKEN",
    "VAULT_EXEC_SECRET_ID_WRAPPED",
    "VAULT_EXEC_KEEP_TOKEN",
    "VAULT_EXEC_NO_REVOKE",
    "CHECK",
    "VAULT_NAMESPACE",
    "VAULT_TOKEN",
    "VAULT_ROLE_ID",
    "VAULT_SECRET_ID",
    "VAULT_JWT",
    "VAULT_USERNAME",
    "VAULT_PASSWORD",
];

/// The token that every login and every wrapping token brings.
const TOKEN: &str = "obtained";

// The first line says what the server has; then an environment, one `NAME=value` a line.
fuzz_target!(|text: &str| {
    let (server, lines) = text.split_once('\n').unwrap_or((text, ""));
    let ours =
        [format!("VAULT_ADDR={}", SERVER.address), "VAULT_EXEC_ATTEMPTS=1".into(), "VAULT_EXEC_TIMEOUT=5".into()];
    // A field may name a file.
    let theirs = lines.lines().filter(|line| !line.contains("=@"));
    let theirs = theirs.filter(|line| line.split_once('=').is_some_and(|(name, _)| NAMES.contains(&name)));
    let Ok(config) = resolve(&inherited(ours.iter().map(String::as_str).chain(theirs)), &ProjectSettings::default()) else {
        return;
    };
    let mount = format!(r#"{{"data":{{"path":"{}/","type":"kv","options":{{"version":"2"}}}}}}"#, mount(&config));
    let server = server.to_owned();
    let answer = move |request: &Request| {
        let has = |word| server.split(' ').any(|known| known == word);
        let answer = match request.target.as_str() {
            "/v1/sys/wrapping/unwrap" => r#"200
{"auth":{"client_token":"obtained"},"data":{"secret_id":"unwrapped"}}"#
                .to_owned(),
            target if target.starts_with("/v1/auth/token/") => "403\n{\"errors\":[]}".to_owned(),
            target if target.starts_with("/v1/auth/") => r#"200
{"auth":{"client_token":"obtained"}}"#
                .to_owned(),
            target if target.starts_with("/v1/sys/internal/ui/mounts/") && has("deep") => format!("200\n{mount}"),
            target if target.starts_with("/v1/sys/internal/ui/mounts/") && has("plain") => {
                "200\n{\"data\":{\"path\":\"x/\",\"type\":\"kv\",\"options\":null}}".to_owned()
            }
            target if target.starts_with("/v1/sys/internal/ui/mounts/") && has("engine") => {
                "200\n{\"data\":{\"path\":\"x/\",\"type\":\"pki\"}}".to_owned()
            }
            _ if has("engine") && request.method == "POST" => "200\n{\"data\":{\"a\":\"b\"}}".to_owned(),
            _ if has("denied") => "403\n{\"errors\":[]}".to_owned(),
            _ => "404\n{\"errors\":[]}".to_owned(),
        };
        Some(answer.into_bytes())
    };
    let mut problems = Diagnostics::new(config.mode());
    let (_, exchanges) = SERVER.serve_during(answer, || fetch(&config, &mut problems));
    exchanges.iter().for_each(|exchange| is_asked_for(&exchange.request, &config));
    concerns_one_token(&exchanges, &config);
    is_written_once(&exchanges, &config);
});

/// The first two segments of the first path, the mount where the server has it deep.
fn mount(config: &Config) -> String {
    let path = config.secret_requests[0].path.api_path();
    path.split('/').take(2).map(|segment| segment.replace(['\\', '"'], "_")).collect::<Vec<_>>().join("/")
}

/// Each request is one of those that the settings make, segment for segment.
fn is_asked_for(request: &Request, config: &Config) {
    let path = request.path();
    let segments: Vec<&str> = path.iter().map(|segment| str::from_utf8(segment).expect("it is text")).collect();
    let ["v1", rest @ ..] = &segments[..] else { panic!("{}", request.target) };
    // As one text they might be the same by chance, so a slash inside of a segment is looked for on its own.
    assert!(rest.iter().all(|segment| !segment.contains('/') && !matches!(*segment, "" | "." | "..")));
    let asked = rest.join("/");
    let mut known: Vec<String> =
        ["sys/wrapping/unwrap", "auth/token/lookup-self", "auth/token/revoke-self"].map(String::from).to_vec();
    for read in &config.secret_requests {
        let plain = read.path.api_path();
        for length in 1..read.path.segment_count() {
            let (mount, secret) = read.path.split_kv2(length).unwrap();
            known.push(format!("{mount}/data/{secret}"));
        }
        known.push(format!("sys/internal/ui/mounts/{plain}"));
        known.push(plain);
    }
    if let Credential::Login(Login { method, mount, .. }) = &config.credential {
        known.push(match method {
            LoginMethod::Password { username, .. } => format!("auth/{mount}/login/{username}"),
            _ => format!("auth/{mount}/login"),
        });
    }
    assert!(known.contains(&asked), "{asked:?} is none of {known:?}");
    let query = request.target.split_once('?').map(|(_, query)| query);
    let pinned = |query: &str| {
        config.secret_requests.iter().any(|read| read.path.version.is_some_and(|version| query == format!("version={version}")))
    };
    assert!(query.is_none_or(pinned), "{query:?}");
}

/// Only what `--write` names is written, once, in no mount of the server itself, and not by a check.
fn is_written_once(exchanges: &[Exchange], config: &Config) {
    let of_the_server = ["auth", "sys", "identity", "cubbyhole"];
    let writes = config.secret_requests.iter().filter(|request| request.fields.is_some());
    let paths: Vec<String> = writes.map(|request| request.path.api_path()).collect();
    let posts = exchanges.iter().filter(|exchange| exchange.request.method == "POST").map(|exchange| {
        exchange.request.path().iter().skip(1).map(|part| String::from_utf8_lossy(part).into_owned()).collect::<Vec<_>>()
    });
    let mut written: Vec<String> = Vec::new();
    for segments in posts.filter(|segments| !matches!(segments[0].as_str(), "auth" | "sys") || paths.contains(&segments.join("/"))) {
        let path = segments.join("/");
        let is_of_the_server = segments.iter().any(|segment| of_the_server.contains(&segment.as_str()));
        assert!(paths.contains(&path) && !written.contains(&path) && config.check.is_none(), "{path}");
        assert!(segments[0] == "x" || !is_of_the_server, "{path}");
        written.push(path);
    }
}

/// A login is proved with what was given; every other request is made with the one token there is, in its namespace.
fn concerns_one_token(exchanges: &[Exchange], config: &Config) {
    let trimmed = |material: &CredentialSource| match material {
        CredentialSource::Value { secret, .. } => secret.expose().trim_ascii().to_vec(),
        CredentialSource::File(_) => panic!("no file was named"),
    };
    for Exchange { request, .. } in exchanges {
        let (token, namespace) = (request.header("x-vault-token"), request.header("x-vault-namespace"));
        let (login, unwrap) = (request.target.contains("/login"), request.target == "/v1/sys/wrapping/unwrap");
        match &config.credential {
            Credential::Token(GivenToken { token: Some(given), wrapped, .. }) => {
                let expected = if *wrapped && !unwrap { TOKEN.into() } else { trimmed(given) };
                assert_eq!(token.unwrap(), expected);
            }
            Credential::Login(Login { method: LoginMethod::AppRole { secret_id: Some(given), .. }, .. }) if unwrap => {
                assert_eq!(token.unwrap(), trimmed(given));
            }
            Credential::Login(login_) if login && request.method == "POST" => {
                assert_eq!(namespace.unwrap_or_default(), login_.namespace.as_deref().unwrap_or_default().as_bytes());
                assert_eq!(token.unwrap_or_default(), b"");
                let sent: BTreeMap<String, String> = serde_json::from_slice(&request.body).expect("text fields");
                let is = |field: &str, expected: &CredentialSource| assert_eq!(sent[field].as_bytes(), trimmed(expected));
                match &login_.method {
                    LoginMethod::AppRole { role_id, secret_id, wrapped, .. } => {
                        is("role_id", role_id);
                        match secret_id {
                            Some(_) if *wrapped => assert_eq!(sent["secret_id"], "unwrapped"),
                            Some(secret_id) => is("secret_id", secret_id),
                            None => assert_eq!(sent.len(), 1),
                        }
                    }
                    LoginMethod::Password { password, .. } => is("password", password),
                    LoginMethod::Jwt { role, .. } => assert_eq!(sent.get("role"), role.as_ref()),
                    LoginMethod::Cert { .. } => panic!("no certificate was given"),
                }
            }
            Credential::Login(_) => assert_eq!(token.unwrap(), TOKEN.as_bytes()),
            Credential::Token(GivenToken { token: None, .. }) => assert_eq!(token.unwrap_or_default(), b""),
        }
    }
}
