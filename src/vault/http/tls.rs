//! `[net]` TLS: which certificates are accepted from the server, and which one it is shown.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor};

use crate::config::{Setting, Tls, TrustAnchors};
use crate::credential_file;
use crate::deadline::Deadline;
use crate::error::CliError;
use crate::vault::http::key_type::{self, SUPPORTED_KEYS, unsupported_public_key};
use crate::vault::http::verifier::{PEM_HINT, TrustStore, Verifier, authorities, pem_hint};
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

/// Reads the files of the trust anchors and of the client certificate.
///
/// # Errors
/// If one cannot be read, or holds no certificate or key.
pub(super) fn client_config(tls: &Tls, deadline: Deadline) -> anyhow::Result<(ClientConfig, Trust)> {
    let provider = rustls::crypto::ring::default_provider();
    let algorithms = provider.signature_verification_algorithms;
    let builder = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .context("prepare TLS")?;
    let (store, trust) = if tls.verify {
        let (store, trust) = trust_store(&tls.trust_anchors, deadline)?;
        (Some(store), trust)
    } else {
        (None, Trust::Unverified)
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { store, algorithms }));
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
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
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

fn trust_store(anchors: &TrustAnchors, deadline: Deadline) -> anyhow::Result<(TrustStore, Trust)> {
    let mut store = TrustStore::default();
    let (source, added) = match anchors {
        TrustAnchors::File(file) => {
            (file.to_string(), add_all(&mut store, &credential_file::read_public(file, deadline)?))
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
) -> anyhow::Result<(TrustStore, Trust)> {
    let read = |path: &str| {
        credential_file::read_and_keep(path, deadline).map_err(|error| credential_file::unreadable(path, &error))
    };
    let mut store = TrustStore::default();
    let mut paths = Vec::new();
    if let Some(file) = file {
        let (pem, opened) = read(&file.value).with_context(|| file.source.clone())?;
        if !store.add_lazily(pem, opened).with_context(|| file.to_string())? {
            return Err(no_certificate(file));
        }
        paths.push(file.value.clone());
    } else if let Some(file) = SYSTEM_FILES.into_iter().find(|file| Path::new(file).exists()) {
        let (pem, opened) = read(file)?;
        store.add_lazily(pem, opened).with_context(|| file.to_owned())?;
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
    Ok(match store.len() {
        0 => {
            let store = TrustStore::bundled();
            let count = store.len();
            (store, Trust::Bundled(count))
        }
        count => (store, Trust::System(count, paths)),
    })
}

/// Adds the certificates of every file in a directory, and returns their number. A file without any is skipped: another
/// may have what is needed.
fn add_directory(store: &mut TrustStore, directory: &str, deadline: Deadline) -> Result<usize, CliError> {
    let unreadable = |error: io::Error| credential_file::unreadable(directory, &error);
    let mut count = 0;
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        if deadline.remaining().is_zero() {
            return Err(unreadable(credential_file::timed_out()));
        }
        let path = entry.map_err(unreadable)?.path();
        let path = path.to_str().filter(|path| Path::new(path).is_file());
        if let Some(pem) = path.and_then(|path| credential_file::read_public_file(path, deadline).ok()) {
            count += store.add_usable(&pem).unwrap_or(0);
        }
    }
    Ok(count)
}

/// Adds every certificate of a PEM text. A user who names it relies on each of them.
fn add_all(store: &mut TrustStore, pem: &[u8]) -> Result<(), CliError> {
    let authorities = authorities(pem).collect::<Result<Vec<_>, _>>()?;
    let kind = |authority: &TrustAnchor| unsupported_public_key(&authority.subject_public_key_info);
    let kinds: Option<Vec<_>> = authorities.iter().map(kind).collect();
    if let Some([kind, ..]) = kinds.as_deref() {
        return Err(CliError::new(format!("the key of the authority is {kind}")).hint(SUPPORTED_KEYS));
    }
    for authority in authorities {
        store.add(authority);
    }
    Ok(())
}

fn no_certificate(source: impl fmt::Display) -> anyhow::Error {
    CliError::new(format!("{source}: no certificate found")).hint(PEM_HINT).into()
}
