//! Certificates, and who asks for them.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};

use super::scratch::new_dir;

/// The PEM texts of a certificate and of its key.
pub(crate) type Pair = (String, String);

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    /// A new key, even if another authority has this name.
    pub(crate) fn new(name: &str) -> Self {
        let mut params = params(&[], name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its own certificate.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A certificate for a server with these names and addresses, or for a client with this name.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.issue_with(names, |_| {})
    }

    /// The same with other parameters.
    pub(crate) fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let key = KeyPair::generate().unwrap();
        (self.sign(names, &key, change), key.serialize_pem())
    }

    /// A certificate for an existing key.
    pub(crate) fn issue_for_key(&self, name: &str, key: &KeyPair) -> String {
        self.sign(&[name], key, |_| {})
    }

    fn sign(&self, names: &[&str], key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> String {
        let mut params = params(names, names.first().unwrap_or(&"nobody"));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        params.signed_by(key, &self.issuer).unwrap().pem()
    }

    /// A server's configuration for this host and these versions. With `clients`, each client must have a certificate
    /// of that authority.
    pub(crate) fn server_config(
        &self,
        host: &str,
        versions: &[&'static SupportedProtocolVersion],
        clients: Option<&Self>,
    ) -> ServerConfig {
        server_config(&self.issue(&[host]), versions, clients)
    }
}

/// The same with this certificate.
pub(crate) fn server_config(
    (certificate, key): &Pair,
    versions: &[&'static SupportedProtocolVersion],
    clients: Option<&Authority>,
) -> ServerConfig {
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(clients.pem.as_bytes()).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    builder.with_single_cert(chain, key).unwrap()
}

/// A certificate that is its own issuer.
pub(crate) fn self_signed(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
    let mut params = params(names, names[0]);
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn params(names: &[&str], common: &str) -> CertificateParams {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, common);
    params
}

/// A certificate that is its own issuer, unless the options say otherwise, and its key.
pub(crate) fn openssl(kind: &[&str], more: &[&str]) -> Pair {
    let dir = new_dir("openssl");
    let line = "req -x509 -nodes -days 2 -subj /CN=127.0.0.1 -keyout key -out cert";
    let run = Command::new("openssl").args(line.split(' ')).args(kind).args(more).current_dir(&dir).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let [certificate, key] = ["cert", "key"].map(|name| fs::read_to_string(dir.join(name)).unwrap());
    (certificate, key)
}

/// A certificate for a server at 127.0.0.1, with a key that is supported, from this authority.
pub(crate) fn openssl_issued_by(ca: &str, ca_key: &str) -> Pair {
    let dir = new_dir("issuer");
    let [ca, key] = [("ca", ca), ("key", ca_key)].map(|(name, text)| {
        fs::write(dir.join(name), text).unwrap();
        dir.join(name).to_str().unwrap().to_owned()
    });
    let leaf = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-CA", &ca, "-CAkey", &key];
    openssl(&leaf, &["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"])
}

/// The kinds of keys that vault-exec does not support, with the options of openssl.
pub(crate) const UNSUPPORTED: [(&str, &[&str]); 5] = [
    ("ECDSA with P-521", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"]),
    ("ECDSA with secp256k1", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]),
    ("RSA-PSS", &["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"]),
    ("Ed448", &["-newkey", "ed448"]),
    ("RSA of less than 2048 bits", &["-newkey", "rsa:1024"]),
];

/// TLS for servers on the loopback.
pub(crate) struct LoopbackTls {
    /// The file with the only trust anchor that clients need.
    pub(crate) ca_file: String,
    pub(crate) config: ServerConfig,
}

impl LoopbackTls {
    pub(crate) fn new() -> Self {
        let authority = Authority::new("loopback");
        let ca_file = new_dir("loopback").join("ca.pem");
        fs::write(&ca_file, authority.pem()).unwrap();
        let config = authority.server_config("127.0.0.1", rustls::DEFAULT_VERSIONS, None);
        Self { ca_file: ca_file.to_str().unwrap().to_owned(), config }
    }
}

/// Writes the certificate and the key to `dir`. Returns the `listener` block of an `OpenBao` configuration, with `more`
/// settings.
pub(crate) fn listener(dir: &Path, name: &str, address: &str, pair: &Pair, more: &str) -> String {
    let (certificate, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
    fs::write(&certificate, &pair.0).unwrap();
    fs::write(&key, &pair.1).unwrap();
    format!(
        "listener \"tcp\" {{\n  address = \"{address}\"\n  tls_cert_file = \"{}\"\n  tls_key_file = \"{}\"\n  \
         {more}\n}}\n",
        certificate.display(),
        key.display()
    )
}

/// A relay in front of a TLS port that records the server name (SNI) of each connection.
pub(crate) struct SniRecorder {
    pub(crate) port: u16,
    names: Arc<Mutex<Vec<Option<String>>>>,
}

impl SniRecorder {
    /// Listens at `host`, an address of the loopback, until the tests end.
    pub(crate) fn start(host: &str, target: String) -> Self {
        let listener = TcpListener::bind(format!("{host}:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let names = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&names);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (recorded, target) = (Arc::clone(&recorded), target.clone());
                thread::spawn(move || relay(client, &target, &recorded));
            }
        });
        Self { port, names }
    }

    /// One entry per connection, `None` without SNI.
    pub(crate) fn names(&self) -> Vec<Option<String>> {
        self.names.lock().unwrap().clone()
    }
}

fn relay(mut client: TcpStream, target: &str, recorded: &Mutex<Vec<Option<String>>>) -> io::Result<()> {
    let (mut acceptor, mut hello, mut buffer) = (rustls::server::Acceptor::default(), Vec::new(), [0; 4096]);
    let name = loop {
        let length = client.read(&mut buffer)?;
        hello.extend_from_slice(&buffer[..length]);
        acceptor.read_tls(&mut &buffer[..length])?;
        match acceptor.accept() {
            Ok(None) if length > 0 => {}
            Ok(Some(accepted)) => break accepted.client_hello().server_name().map(str::to_owned),
            Ok(None) | Err(_) => break None,
        }
    };
    recorded.lock().unwrap().push(name);
    let mut server = TcpStream::connect(target)?;
    server.write_all(&hello)?;
    let (mut from, mut to) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let _ = io::copy(&mut client, &mut server);
    server.shutdown(Shutdown::Write)
}
