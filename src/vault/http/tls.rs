//! `[net]` How the server proves who it is.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::config::{Setting, Tls, TrustAnchors};
use crate::credential_file;
use crate::error::CliError;
use crate::retry::RetryPolicy;

/// The files a Linux system keeps its authorities in, in the order in which Go, and so Vault's own client, looks.
const SYSTEM_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The directories it keeps them in where it has none of the files.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];

/// Decides whom to trust and says whom. Reads files.
pub(in crate::vault) fn client_config(tls: &Tls, deadline: &RetryPolicy) -> anyhow::Result<(ClientConfig, String)> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("prepare TLS")?;
    let (builder, trust) = if tls.verify {
        let (trusted, from) = choose(&tls.trust_anchors, deadline)?;
        (builder.with_root_certificates(trusted), from)
    } else {
        let anybody = Arc::new(NoVerification(provider));
        (builder.dangerous().with_custom_certificate_verifier(anybody), "anybody".to_owned())
    };
    let mut config = match &tls.client_identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let (chain, private) = identity(certificate, key, deadline)?;
            let fault = || {
                CliError::new("the certificate and the key do not belong together")
                    .hint(format!("the key is from {key}"))
            };
            builder
                .with_client_auth_cert(chain, private)
                .map_err(|_| fault())
                .with_context(|| certificate.to_string())?
        }
    };
    // No connection lives long enough to be resumed, and its secrets are not kept.
    config.resumption = Resumption::disabled();
    Ok((config, trust))
}

/// The certificate and the key that prove to the server who we are. They may be in one file.
fn identity(
    certificate: &Setting,
    key: &Setting,
    deadline: &RetryPolicy,
) -> anyhow::Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let chain = CertificateDer::pem_slice_iter(credential_file::read(certificate, deadline)?.expose())
        .collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| no_authority(&certificate.to_string()))?;
    let key = PrivateKeyDer::from_pem_slice(credential_file::read_private(key, deadline)?.expose()).map_err(|_| {
        CliError::new(format!("{key}: it holds no private key"))
            .hint("it must hold PEM text such as -----BEGIN PRIVATE KEY-----, not encrypted")
    })?;
    Ok((chain, key))
}

/// The authorities, and who they are in words.
fn choose(roots: &TrustAnchors, deadline: &RetryPolicy) -> anyhow::Result<(RootCertStore, String)> {
    let mut trusted = RootCertStore::empty();
    let (source, count) = match roots {
        TrustAnchors::File(file) => (
            file.to_string(),
            add(&mut trusted, credential_file::read(file, deadline)?.expose()).with_context(|| file.to_string())?,
        ),
        TrustAnchors::Pem(pem) => {
            (pem.source.clone(), add(&mut trusted, pem.value.as_bytes()).with_context(|| pem.source.clone())?)
        }
        TrustAnchors::Directory(directory) => {
            let count =
                add_directory(&mut trusted, &directory.value, deadline).with_context(|| directory.source.clone())?;
            (directory.to_string(), count)
        }
        TrustAnchors::System { file, directories } => return system(file.as_ref(), directories.as_ref(), deadline),
    };
    if count == 0 {
        return Err(no_authority(&source));
    }
    Ok((trusted, format!("{}, from {source} and no others", authorities(count))))
}

/// The system's authorities, or the bundled ones where it has none, as in an image made from scratch.
fn system(
    file: Option<&Setting>,
    directories: Option<&Setting>,
    deadline: &RetryPolicy,
) -> anyhow::Result<(RootCertStore, String)> {
    let mut trusted = RootCertStore::empty();
    let mut places = Vec::new();
    let files = match file {
        Some(file) => vec![file.value.as_str()],
        None => SYSTEM_FILES.to_vec(),
    };
    if let Some(file) = files.into_iter().find(|file| Path::new(file).exists()) {
        let pem =
            credential_file::read_file(file, deadline).map_err(|error| credential_file::unreadable(file, &error))?;
        add(&mut trusted, pem.expose()).with_context(|| file.to_owned())?;
        places.push(file);
    }
    let directories = match directories {
        Some(directories) => directories.value.split(':').collect(),
        None if places.is_empty() => SYSTEM_DIRECTORIES.to_vec(),
        None => Vec::new(),
    };
    for directory in directories.into_iter().filter(|directory| Path::new(directory).is_dir()) {
        add_directory(&mut trusted, directory, deadline)?;
        places.push(directory);
    }
    let source = if trusted.is_empty() {
        trusted.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        "the bundled ones, since the system has none".to_owned()
    } else {
        format!("the system's, from {}", places.join(", "))
    };
    let count = trusted.len();
    Ok((trusted, format!("{}, {source}", authorities(count))))
}

fn add_directory(store: &mut RootCertStore, directory: &str, deadline: &RetryPolicy) -> Result<usize, CliError> {
    let unreadable = |error: io::Error| credential_file::unreadable(directory, &error);
    let mut count = 0;
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() {
            // A stray file is no reason to stop: the others may hold what is needed.
            let pem = path.to_str().and_then(|path| credential_file::read_file(path, deadline).ok());
            count += pem.and_then(|pem| add(store, pem.expose()).ok()).unwrap_or(0);
        }
    }
    Ok(count)
}

fn authorities(count: usize) -> String {
    if count == 1 { "1 authority".into() } else { format!("{count} authorities") }
}

/// Adds every certificate in a PEM text. One that is not understood is passed over, as every other client does: old
/// authorities have odd encodings.
fn add(store: &mut RootCertStore, pem: &[u8]) -> Result<usize, CliError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let certificates = certificates.map_err(|_| CliError::new("it is no PEM text").hint(PEM))?;
    Ok(store.add_parsable_certificates(certificates).0)
}

const PEM: &str = "it must hold PEM text that starts with -----BEGIN CERTIFICATE-----";

fn no_authority(source: &str) -> anyhow::Error {
    CliError::new(format!("{source}: it holds no certificate")).hint(PEM).into()
}

/// `--tls-skip-verify`: believes every certificate, but still checks that the server holds its key.
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
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
