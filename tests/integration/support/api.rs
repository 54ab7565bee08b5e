//! What the tests of logins add to a vault: auth methods, a door that hears all that is said through it, and stand-ins for
//! the servers that are not Vault.
//!
//! ```text
//! let vault = TestVault::locked();
//! vault.clone().env("VAULT_ROLE_ID", vault.approle(&json!({}))).env("VAULT_SECRET_ID", vault.secret_id()).enters();
//! ```

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use serde_json::{Value, json};

use crate::support::vault::{Outcome, ROOT, TestVault};

/// The value of the secret `a` in a locked vault: the program gets it, and nobody else.
pub(crate) const VALUE: &str = "canary-of-the-value";

static AGENT: LazyLock<ureq::Agent> =
    LazyLock::new(|| ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into());

/// The server of all test vaults, with the auth methods where everybody expects them.
static SERVER: LazyLock<Api> = LazyLock::new(|| {
    let api = Api::at(TestVault::kv2().fill("{addr}"));
    for method in ["approle", "userpass", "jwt", "kubernetes"] {
        api.post(&format!("sys/auth/{method}"), &json!({"type": method}));
    }
    api
});

/// What went through each door, by its address.
static DOORS: LazyLock<Mutex<HashMap<String, Heard>>> = LazyLock::new(Mutex::default);

type Heard = Arc<Mutex<Vec<Exchange>>>;

/// A request and its answer.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Request,
    answer: String,
}

impl Exchange {
    /// The body of the answer, null if it has none.
    pub(crate) fn answer(&self) -> Value {
        serde_json::from_str(&self.answer).unwrap_or_default()
    }
}

/// A request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }
}

/// What the root token can do with a server, in one namespace.
#[derive(Clone)]
pub(crate) struct Api {
    address: String,
    namespace: String,
}

impl Api {
    pub(crate) fn at(address: String) -> Self {
        Self { address, namespace: String::new() }
    }

    /// The server of all test vaults.
    pub(crate) fn shared() -> Self {
        SERVER.clone()
    }

    /// The same in a new namespace.
    pub(crate) fn in_namespace(self, name: &str) -> Self {
        self.post(&format!("sys/namespaces/{name}"), &json!({}));
        Self { namespace: format!("{}{name}/", self.namespace), ..self }
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.worked("POST", path, &body.to_string(), &[])
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        self.worked("GET", path, "", &[])
    }

    /// The wrapping token for what a request brings.
    pub(crate) fn wrapped(&self, path: &str, body: &Value) -> String {
        text(&self.worked("POST", path, &body.to_string(), &[("X-Vault-Wrap-TTL", "60")])["wrap_info"]["token"])
    }

    /// How many tokens of this namespace are alive.
    pub(crate) fn accessors(&self) -> usize {
        let (_, answer) = self.call("GET", "auth/token/accessors?list=true", "", &[]);
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["data"]["keys"].as_array().map_or(0, Vec::len)
    }

    /// Whether a token of this namespace is alive.
    pub(crate) fn knows(&self, token: &str) -> bool {
        self.call("GET", "auth/token/lookup-self", "", &[("X-Vault-Token", token)]).0 == 200
    }

    fn worked(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> Value {
        let (status, answer) = self.call(method, path, body, headers);
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        serde_json::from_str(&answer).unwrap_or_default()
    }

    fn call(&self, method: &str, path: &str, body: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut all = HashMap::from([("X-Vault-Token", ROOT), ("X-Vault-Namespace", &self.namespace)]);
        all.extend(headers.iter().copied());
        forward(&format!("{}/v1/{path}", self.address), method, all, body)
    }
}

fn forward<'a>(
    url: &str,
    method: &str,
    headers: impl IntoIterator<Item = (&'a str, &'a str)>,
    body: &str,
) -> (u16, String) {
    let mut request = ureq::http::Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let answer = match body {
        "" => AGENT.run(request.body(()).unwrap()),
        body => AGENT.run(request.body(body.to_owned()).unwrap()),
    };
    let mut answer = answer.unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

/// A field that must be a string.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no string")).to_owned()
}

/// Waits until it is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < patience, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sentences about getting in.
pub(crate) trait Door: Sized {
    /// With a secret `a` that nobody can read yet and a policy `{kv}` that lets one.
    fn locked() -> Self;

    /// The same behind a namespace of its own for everything.
    fn locked_in(api: &Api) -> Self;

    /// Puts a door in front of a server that hears requests and answers whole; `answer` may answer in its stead.
    fn behind_door(self, answer: impl Fn(&Request) -> Option<(u16, String)> + Send + Sync + 'static) -> Self {
        self.behind_tls_door(None, answer)
    }

    /// The same over TLS, if it is told how.
    fn behind_tls_door(
        self,
        tls: Option<ServerConfig>,
        answer: impl Fn(&Request) -> Option<(u16, String)> + Send + Sync + 'static,
    ) -> Self;

    /// Creates the role `{kv}` of `auth/approle`, with these settings and the policy `{kv}`; the `role_id`.
    fn approle(&self, settings: &Value) -> String;

    /// A new `secret_id` for that role.
    fn secret_id(&self) -> String;

    /// Has such a role, and its credentials in variables.
    fn with_approle(self, settings: &Value) -> Self;

    /// The same in a namespace, with the policy `reader`.
    fn with_approle_in(self, api: &Api, settings: &Value) -> Self;

    /// Has the server do something; `{kv}` is also filled in within the body.
    fn asking(&self, path: &str, body: &Value) -> Value;

    /// The program starts with the secret and without a trace of a credential, however much is told.
    fn enters(&self) -> Outcome;

    /// It does, and not a word is said.
    fn enters_silently(&self) -> Outcome;

    /// No program starts, for exactly this reason, however it is told.
    fn is_refused(&self, stderr: &str);

    /// What went through the door until now.
    fn exchanges(&self) -> Vec<Exchange>;

    /// Method and path of each request until now.
    fn requests(&self) -> Vec<String>;
}

const LOUD: [&str; 3] = ["-vv", "--log-format", "json"];

impl Door for TestVault {
    fn locked() -> Self {
        let vault = Self::kv2().secret("a", [("k", VALUE)]).path("a").without("VAULT_TOKEN");
        SERVER.post(&vault.fill("sys/policies/acl/{kv}"), &policy(&vault.fill("{kv}/data/a")));
        vault.behind_door(|_| None)
    }

    fn locked_in(api: &Api) -> Self {
        api.post("sys/auth/approle", &json!({"type": "approle"}));
        api.post("sys/mounts/secret", &json!({"type": "kv"}));
        api.post("secret/a", &json!({"k": VALUE}));
        api.post("sys/policies/acl/reader", &policy("secret/a"));
        Self::bare()
            .env("VAULT_ADDR", &api.address)
            .env("VAULT_NAMESPACE", &api.namespace)
            .args(["--kv", "1", "--path", "secret/a"])
            .behind_door(|_| None)
    }

    fn behind_tls_door(
        self,
        tls: Option<ServerConfig>,
        answer: impl Fn(&Request) -> Option<(u16, String)> + Send + Sync + 'static,
    ) -> Self {
        let upstream = self.fill("{addr}");
        let exchanges = Heard::default();
        let ears = Arc::clone(&exchanges);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let door = stand_in(tls, move |request| {
            let (status, answer) = answer(request).unwrap_or_else(|| {
                let wanted = |name: &str| name.to_ascii_lowercase().starts_with("x-vault-");
                let headers = request.headers.iter().filter(|(name, _)| wanted(name));
                let headers = headers.map(|(name, value)| (name.as_str(), value.as_str()));
                forward(&format!("{upstream}{}", request.target), &request.method, headers, &request.body)
            });
            ears.lock().unwrap().push(Exchange { request: request.clone(), answer: answer.clone() });
            (status, answer)
        });
        let door = format!("{scheme}://{door}");
        DOORS.lock().unwrap().insert(door.clone(), exchanges);
        self.env("VAULT_ADDR", door)
    }

    fn approle(&self, settings: &Value) -> String {
        let mut role = json!({"token_policies": [self.fill("{kv}")]});
        role.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        self.asking("auth/approle/role/{kv}", &role);
        text(&SERVER.get(&self.fill("auth/approle/role/{kv}/role-id"))["data"]["role_id"])
    }

    fn secret_id(&self) -> String {
        text(&self.asking("auth/approle/role/{kv}/secret-id", &json!({}))["data"]["secret_id"])
    }

    fn with_approle(self, settings: &Value) -> Self {
        let (role_id, secret_id) = (self.approle(settings), self.secret_id());
        self.env("VAULT_ROLE_ID", role_id).env("VAULT_SECRET_ID", secret_id)
    }

    fn with_approle_in(self, api: &Api, settings: &Value) -> Self {
        let mut role = json!({"token_policies": ["reader"]});
        role.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        api.post("auth/approle/role/app", &role);
        let role_id = text(&api.get("auth/approle/role/app/role-id")["data"]["role_id"]);
        let secret_id = text(&api.post("auth/approle/role/app/secret-id", &json!({}))["data"]["secret_id"]);
        self.env("VAULT_ROLE_ID", role_id).env("VAULT_SECRET_ID", secret_id)
    }

    fn asking(&self, path: &str, body: &Value) -> Value {
        let body = serde_json::from_str(&self.fill(&body.to_string())).unwrap();
        SERVER.post(&self.fill(path), &body)
    }

    #[track_caller]
    fn enters(&self) -> Outcome {
        let outcome = self.clone().args(LOUD).environ().has("K", VALUE);
        discreet(self, &outcome);
        for (_, credential) in credentials(&self.exchanges()) {
            let block = String::from_utf8_lossy(&outcome.stdout);
            assert!(!block.contains(&credential), "the program got the credential {credential}: {outcome}");
        }
        outcome
    }

    #[track_caller]
    fn enters_silently(&self) -> Outcome {
        self.environ().has("K", VALUE).stderr_is("")
    }

    #[track_caller]
    fn is_refused(&self, stderr: &str) {
        let plain = self.fails(stderr);
        let loud = self.clone().args(LOUD).run(["echo", "the program was started"]).exits(125).stdout_is("");
        let last: Value = serde_json::from_str(loud.stderr.lines().last().unwrap()).unwrap();
        let hint = last["hint"].as_str().map_or(String::new(), |hint| format!("hint: {hint}\n"));
        let message = text(&last["message"]).replace('\n', "\\n");
        assert_eq!(format!("vault-exec: {message}\n{hint}"), plain.stderr, "{loud}");
        assert_eq!(last["level"], "error", "{loud}");
        discreet(self, &plain);
        discreet(self, &loud);
    }

    fn exchanges(&self) -> Vec<Exchange> {
        let doors = DOORS.lock().unwrap();
        doors.get(&self.fill("{addr}")).map_or_else(Vec::new, |exchanges| exchanges.lock().unwrap().clone())
    }

    fn requests(&self) -> Vec<String> {
        let request = |Exchange { request, .. }: &Exchange| format!("{} {}", request.method, &request.target[4..]);
        self.exchanges().iter().map(request).collect()
    }
}

/// The policy that lets one read this path.
pub(crate) fn policy(path: &str) -> Value {
    json!({"policy": format!(r#"path "{path}" {{ capabilities = ["read"] }}"#)})
}

/// Nothing that went through the door and is worth anything was said on standard error.
#[track_caller]
pub(crate) fn discreet(vault: &TestVault, outcome: &Outcome) {
    let credentials = credentials(&vault.exchanges()).into_iter().map(|(_, credential)| credential);
    for credential in credentials.chain([VALUE.into(), ROOT.into()]) {
        assert!(!outcome.stderr.contains(&credential), "standard error holds {credential}: {outcome}");
    }
}

/// Every credential that went through a door, in either direction, and what it was called there.
pub(crate) fn credentials(exchanges: &[Exchange]) -> Vec<(&'static str, String)> {
    const NAMES: [&str; 6] = ["secret_id", "jwt", "password", "token", "client_token", "value"];
    fn collect(value: &Value, found: &mut Vec<(&'static str, String)>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match (NAMES.into_iter().find(|known| known == name), field) {
                        (Some(name), Value::String(text)) if !text.is_empty() => found.push((name, text.clone())),
                        (_, other) => collect(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for Exchange { request, answer } in exchanges {
        let bearer = |value: &str| value.trim_start_matches("Bearer ").to_owned();
        found.extend(request.header("X-Vault-Token").map(|token| ("X-Vault-Token", token.to_owned())));
        found.extend(request.header("Authorization").map(|value| ("Authorization", bearer(value))));
        for body in [&request.body, answer] {
            collect(&serde_json::from_str(body).unwrap_or_default(), &mut found);
        }
    }
    found
}

/// Listens on a port of its own as long as the tests run, over TLS if it is told how; the host and the port.
pub(crate) fn stand_in(
    tls: Option<ServerConfig>,
    answer: impl Fn(&Request) -> (u16, String) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (tls, answer) = (tls.map(Arc::new), Arc::new(answer));
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (tls, answer) = (tls.clone(), Arc::clone(&answer));
            // That the other side goes away is its right.
            thread::spawn(move || match tls {
                None => serve(client, &*answer),
                Some(tls) => serve(StreamOwned::new(ServerConnection::new(tls).unwrap(), client), &*answer),
            });
        }
    });
    address
}

fn serve(stream: impl Read + Write, answer: impl Fn(&Request) -> (u16, String)) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = read_request(&mut stream)? {
        let (status, body) = answer(&request);
        let head = format!("HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}", body.len());
        write!(stream.get_mut(), "{head}\r\n\r\n{body}")?;
        stream.get_mut().flush()?;
    }
    Ok(())
}

/// `None` at the end of the connection.
fn read_request(stream: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = || -> io::Result<Option<String>> {
        let mut line = String::new();
        Ok((stream.read_line(&mut line)? > 0).then(|| line.trim_end().to_owned()))
    };
    let Some(first) = line()? else { return Ok(None) };
    let mut headers = Vec::new();
    while let Some(header) = line()?.filter(|header| !header.is_empty()) {
        let (name, value) = header.split_once(": ").unwrap_or((&header, ""));
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method, target, headers, body: String::new() };
    let length = request.header("Content-Length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Ok(Some(request))
}

/// An authority of the test's own.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a host or a person and the key to it.
    pub(crate) fn certify(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        (self.certify_key(name, &key), key.serialize_pem())
    }

    /// A certificate for a key that is there already.
    pub(crate) fn certify_key(&self, name: &str, key: &KeyPair) -> String {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.extended_key_usages =
            vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth, rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.signed_by(key, &self.0).unwrap().pem()
    }

    /// How a server on the loopback speaks TLS.
    pub(crate) fn server_config(&self) -> ServerConfig {
        self.config_for("127.0.0.1", rustls::DEFAULT_VERSIONS, None)
    }

    /// The same for another host, in these versions, and for clients that another authority knows.
    pub(crate) fn config_for(
        &self,
        host: &str,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Self>,
    ) -> ServerConfig {
        let (certificate, key) = self.certify(host);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(Self(clients)) => {
                let mut roots = RootCertStore::empty();
                roots.add(clients.der().clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        builder.with_single_cert(chain, key).unwrap()
    }
}

/// Whoever signs JWTs: GitHub, GitLab, a cluster.
pub(crate) struct Signer(EcdsaKeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap())
    }

    /// The public key. What stands in front of the point says that it is one on P-256, see RFC 5480.
    pub(crate) fn pem(&self) -> String {
        const P256: [u8; 26] = [
            0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
            0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        ];
        let text = STANDARD.encode([&P256, self.0.public_key().as_ref()].concat());
        format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &text[..64], &text[64..])
    }

    /// A signed token with these claims.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&json!({"alg": "ES256", "typ": "JWT"})), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
