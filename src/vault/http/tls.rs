//! `[net]` TLS: which certificates are accepted from the server, and which one it is shown.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, CryptoProvider};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, TrustAnchor, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::{Setting, Tls, TrustAnchors};
use crate::credential_file;
use crate::deadline::Deadline;
use crate::error::CliError;
use crate::vault::http::key_type::{self, SUPPORTED_KEYS, unsupported_public_key};
use crate::vault::report::Trust;

/// Where Linux systems keep their certificates, in the order in which Go, and so Vault's own client, looks.
const SYSTEM_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The directories that are read if none of [`SYSTEM_FILES`] exists.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

const PEM_HINT: &str = "expected PEM text that starts with -----BEGIN CERTIFICATE-----";

/// Reads the files of the trust anchors and of the client certificate.
///
/// # Errors
/// If one cannot be read, or holds no certificate or key.
pub(super) fn client_config(tls: &Tls, deadline: Deadline) -> anyhow::Result<(ClientConfig, Trust)> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("prepare TLS")?;
    let (builder, trust) = if tls.verify {
        let (store, trust) = root_store(&tls.trust_anchors, deadline)?;
        (builder.with_root_certificates(store), trust)
    } else {
        let verifier = Arc::new(NoVerification(provider));
        (builder.dangerous().with_custom_certificate_verifier(verifier), Trust::Unverified)
    };
    let mut config = match &tls.client_identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, private) = client_identity(certificate, key, deadline)?;
            let kind = key_type::unusable_private_key(private.secret_der(), matches!(private, PrivateKeyDer::Pkcs1(_)));
            let explain = |error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    CliError::new(format!("{certificate}: the certificate and the key do not match"))
                        .hint(format!("the key is from {key}"))
                }
                rustls::Error::InvalidCertificate(_) => {
                    CliError::new(format!("{certificate}: the certificate is not valid")).hint(PEM_HINT)
                }
                _ => CliError::new(format!("{key}: the key is {kind}")).hint(SUPPORTED_KEYS),
            };
            builder.with_client_auth_cert(chain, private).map_err(explain)?
        }
    };
    // No connection lives long enough to be resumed, so that its secrets need not be kept.
    config.resumption = Resumption::disabled();
    Ok((config, trust))
}

/// The client certificate with its chain, and its key. Both may be in one file.
fn client_identity(
    certificate: &Setting,
    key: &Setting,
    deadline: Deadline,
) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let pem = credential_file::read_public(certificate, deadline)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.expose()).collect();
    let chain = chain
        .map_err(|error| CliError::new(format!("{certificate}: not PEM text")).hint(pem_hint(&error, PEM_HINT)))?;
    if chain.is_empty() {
        return Err(no_certificate(certificate));
    }
    let key =
        PrivateKeyDer::from_pem_slice(credential_file::read_private(key, deadline)?.expose()).map_err(|error| {
            let expected = "expected PEM text such as -----BEGIN PRIVATE KEY-----, not encrypted";
            CliError::new(format!("{key}: no private key found")).hint(pem_hint(&error, expected))
        })?;
    Ok((chain, key))
}

fn root_store(anchors: &TrustAnchors, deadline: Deadline) -> anyhow::Result<(RootCertStore, Trust)> {
    let mut store = RootCertStore::empty();
    let (source, added) = match anchors {
        TrustAnchors::File(file) => {
            (file.to_string(), add_all(&mut store, credential_file::read_public(file, deadline)?.expose()))
        }
        TrustAnchors::Pem(pem) => (pem.source.clone(), add_all(&mut store, pem.value.as_bytes())),
        TrustAnchors::Directory(directory) => {
            add_directory(&mut store, &directory.value, deadline).with_context(|| directory.source.clone())?;
            (directory.to_string(), Ok(()))
        }
        TrustAnchors::System { file, directories } => {
            return system_store(file.as_ref(), directories.as_ref(), deadline);
        }
    };
    added.with_context(|| source.clone())?;
    match store.len() {
        0 => Err(no_certificate(source)),
        count => Ok((store, Trust::Given(count, source))),
    }
}

/// The certificates of the system or, if it has none, the bundled ones. `file` and `directories` replace its paths; each
/// must then have a certificate.
fn system_store(
    file: Option<&Setting>,
    directories: Option<&Setting>,
    deadline: Deadline,
) -> anyhow::Result<(RootCertStore, Trust)> {
    let mut store = RootCertStore::empty();
    let mut paths = Vec::new();
    if let Some(file) = file {
        let pem = credential_file::read_public(file, deadline)?;
        if add_usable(&mut store, pem.expose()).with_context(|| file.to_string())? == 0 {
            return Err(no_certificate(file));
        }
        paths.push(file.value.clone());
    } else if let Some(file) = SYSTEM_FILES.into_iter().find(|file| Path::new(file).exists()) {
        let pem =
            credential_file::read_file(file, deadline).map_err(|error| credential_file::unreadable(file, &error))?;
        add_usable(&mut store, pem.expose()).with_context(|| file.to_owned())?;
        paths.push(file.to_owned());
    }
    let searched = match directories {
        Some(directories) => directories.value.split(':').collect(),
        None if paths.is_empty() => SYSTEM_DIRECTORIES.to_vec(),
        None => Vec::new(),
    };
    let mut count = 0;
    for directory in searched.into_iter().filter(|directory| Path::new(directory).is_dir()) {
        count += add_directory(&mut store, directory, deadline)?;
        paths.push(directory.to_owned());
    }
    if let (Some(directories), 0) = (directories, count) {
        // Its value may be a secret by mistake, as no directory of it need exist.
        return Err(no_certificate(&directories.source));
    }
    let trust = if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        Trust::Bundled(store.len())
    } else {
        Trust::System(store.len(), paths)
    };
    Ok((store, trust))
}

/// Adds the certificates of every file in a directory, and returns their number. A file without any is skipped: another
/// may have what is needed.
fn add_directory(store: &mut RootCertStore, directory: &str, deadline: Deadline) -> Result<usize, CliError> {
    let unreadable = |error: io::Error| credential_file::unreadable(directory, &error);
    let mut count = 0;
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        if deadline.remaining().is_zero() {
            return Err(unreadable(credential_file::timed_out()));
        }
        let path = entry.map_err(unreadable)?.path();
        let path = path.to_str().filter(|path| Path::new(path).is_file());
        if let Some(pem) = path.and_then(|path| credential_file::read_file(path, deadline).ok()) {
            count += add_usable(store, pem.expose()).unwrap_or(0);
        }
    }
    Ok(count)
}

/// Adds every certificate of a PEM text. A user who names it relies on each of them.
fn add_all(store: &mut RootCertStore, pem: &[u8]) -> Result<(), CliError> {
    let authorities = authorities(pem).collect::<Result<Vec<_>, _>>()?;
    let kind = |authority: &TrustAnchor| unsupported_public_key(&authority.subject_public_key_info);
    let kinds: Option<Vec<_>> = authorities.iter().map(kind).collect();
    if let Some([kind, ..]) = kinds.as_deref() {
        return Err(CliError::new(format!("the key of the authority is {kind}")).hint(SUPPORTED_KEYS));
    }
    for authority in authorities {
        add(store, authority);
    }
    Ok(())
}

/// Adds the certificates of a PEM text that rustls can parse, and returns their number. Others are skipped, as other
/// clients do: some old ones have invalid encodings. Fails if there are only such.
fn add_usable(store: &mut RootCertStore, pem: &[u8]) -> Result<usize, CliError> {
    let (mut count, mut failed) = (0, None);
    for authority in authorities(pem) {
        match authority {
            Ok(authority) => {
                count += 1;
                add(store, authority);
            }
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    failed.filter(|_| count == 0).map_or(Ok(count), Err)
}

/// The certificates of a PEM text, each as an authority to trust.
fn authorities(pem: &[u8]) -> impl Iterator<Item = Result<TrustAnchor<'static>, CliError>> {
    CertificateDer::pem_slice_iter(pem).enumerate().map(|(index, certificate)| {
        let invalid = |hint| CliError::new(format!("certificate {} of the text is not valid", index + 1)).hint(hint);
        let mut store = RootCertStore::empty();
        let certificate = certificate.map_err(|error| invalid(pem_hint(&error, PEM_HINT)))?;
        store.add(certificate).map_err(|_| invalid(PEM_HINT))?;
        store.roots.pop().ok_or_else(|| invalid(PEM_HINT))
    })
}

/// Adds an authority once.
fn add(store: &mut RootCertStore, authority: TrustAnchor<'static>) {
    if !store.roots.contains(&authority) {
        store.roots.push(authority);
    }
}

fn pem_hint(error: &pem::Error, expected: &'static str) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "it is cut off: a BEGIN line has no END line",
        _ => expected,
    }
}

fn no_certificate(source: impl fmt::Display) -> anyhow::Error {
    CliError::new(format!("{source}: no certificate found")).hint(PEM_HINT).into()
}

/// `--tls-skip-verify`: accepts every certificate, but still checks that the server has its key.
#[derive(Debug)]
struct NoVerification(Arc<CryptoProvider>);

impl ServerCertVerifier for NoVerification {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
