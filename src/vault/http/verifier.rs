//! `[net]` Whether a server's certificate is accepted.

use std::borrow::Cow;
use std::fs::File;
use std::iter;
use std::os::unix::fs::FileExt;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{self, WebPkiSupportedAlgorithms};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, RootCertStore, SignatureScheme};

use crate::error::CliError;
use crate::vault::http::pem_index::{Entry, index, issuer};

pub(super) const PEM_HINT: &str = "expected PEM text that starts with -----BEGIN CERTIFICATE-----";

/// The authorities that are trusted.
#[derive(Debug, Default)]
pub(super) struct TrustStore {
    authorities: Cow<'static, [TrustAnchor<'static>]>,
    /// Certificates that are decoded when a server shows one of theirs.
    index: Vec<Entry>,
    /// Their PEM text; the file if it can be read again, because the text is larger than all else in memory.
    text: Vec<u8>,
    file: Option<File>,
}

impl TrustStore {
    /// Those of Mozilla, in this program.
    pub(super) fn bundled() -> Self {
        Self { authorities: webpki_roots::TLS_SERVER_ROOTS.into(), ..Self::default() }
    }

    /// The number of certificates. Of those that are not decoded yet, each counts, even if it occurs twice or is invalid.
    pub(super) fn len(&self) -> usize {
        self.authorities.len() + self.index.len()
    }

    /// Adds an authority once.
    pub(super) fn add(&mut self, authority: TrustAnchor<'static>) {
        if !self.authorities.contains(&authority) {
            self.authorities.to_mut().push(authority);
        }
    }

    /// Adds the certificates of a PEM text that rustls can parse, and returns their number. Others are skipped, as other
    /// clients do: some old ones have invalid encodings. Fails if there are only such.
    pub(super) fn add_usable(&mut self, pem: &[u8]) -> Result<usize, CliError> {
        let (mut count, mut failed) = (0, None);
        for authority in authorities(pem) {
            match authority {
                Ok(authority) => {
                    count += 1;
                    self.add(authority);
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.filter(|_| count == 0).map_or(Ok(count), Err)
    }

    /// The same for a text of many, most of which are not needed; one text is held. Returns whether there are any.
    pub(super) fn add_lazily(&mut self, pem: Vec<u8>, file: Option<File>) -> Result<bool, CliError> {
        let mut all = authorities(&pem);
        let Some(first) = all.next() else { return Ok(false) };
        if first.is_err() && !all.any(|authority| authority.is_ok()) {
            first?;
        }
        drop(all);
        let (index, rest) = index(&pem);
        // What is invalid there is skipped.
        self.add_usable(&pem[rest..]).ok();
        self.text = if file.is_some() { Vec::new() } else { pem };
        (self.index, self.file) = (index, file);
        Ok(true)
    }

    /// The authorities with one of these names.
    fn named(&self, names: &[&[u8]]) -> RootCertStore {
        let mut found = Self::default();
        for Entry { range, .. } in self.index.iter().filter(|entry| entry.may_be(names)) {
            let mut pem = self.text.get(range.clone()).unwrap_or_default().to_vec();
            if let Some(file) = &self.file {
                pem.resize(range.len(), 0);
                file.read_exact_at(&mut pem, range.start as u64).ok();
            }
            found.add_usable(&pem).ok();
        }
        for authority in self.authorities.iter().filter(|authority| names.contains(&&*authority.subject)) {
            found.add(authority.clone());
        }
        RootCertStore { roots: found.authorities.into_owned() }
    }
}

/// The certificates of a PEM text, each as an authority to trust.
pub(super) fn authorities(pem: &[u8]) -> impl Iterator<Item = Result<TrustAnchor<'static>, CliError>> {
    CertificateDer::pem_slice_iter(pem).enumerate().map(|(index, certificate)| {
        let invalid = |hint| CliError::new(format!("certificate {} of the text is not valid", index + 1)).hint(hint);
        let mut store = RootCertStore::empty();
        let certificate = certificate.map_err(|error| invalid(pem_hint(&error, PEM_HINT)))?;
        store.add(certificate).map_err(|_| invalid(PEM_HINT))?;
        store.roots.pop().ok_or_else(|| invalid(PEM_HINT))
    })
}

pub(super) fn pem_hint(error: &pem::Error, expected: &'static str) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "it is cut off: a BEGIN line has no END line",
        _ => expected,
    }
}

/// Accepts a certificate that chains to an authority in the store and is for the server. Without a store
/// (`--tls-skip-verify`) it accepts every one, but still checks that the server has its key.
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) store: Option<TrustStore>,
    pub(super) algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Verifier {
    /// As rustls' own verifier does, with only those authorities that it would compare equal to the issuer of a
    /// certificate that is shown.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(store) = &self.store {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            let issuers: Vec<_> =
                iter::once(end_entity).chain(intermediates).filter_map(|shown| issuer(shown)).collect();
            let (roots, algorithms) = (store.named(&issuers), self.algorithms.all);
            verify_server_cert_signed_by_trust_anchor(&certificate, &roots, intermediates, now, algorithms)?;
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
