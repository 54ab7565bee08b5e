//! `[pure]` Which servers are trusted, and the certificate to present to them.

use url::Host;

use super::error::Error;
use super::setting::Setting;
use super::sources::Sources;
use crate::args::options;

/// The settings of TLS.
#[derive(Debug, PartialEq, Eq)]
pub struct Tls {
    /// The authorities that the server's certificate must come from.
    pub trust_anchors: TrustAnchors,
    /// `false` accepts every certificate.
    pub verify: bool,
    /// The name to expect in the server's certificate instead of the host of the address; also sent as SNI.
    pub server_name: Option<String>,
    /// The files with the client certificate and its key.
    pub client_identity: Option<(Setting, Setting)>,
}

/// The trusted authorities.
#[derive(Debug, PartialEq, Eq)]
pub enum TrustAnchors {
    /// Only those in this PEM file.
    File(Setting),
    /// Only those in this PEM text.
    Pem(Setting),
    /// Only those in the PEM files of this directory.
    Directory(Setting),
    /// Those of the system, or the bundled ones if it has none.
    System {
        /// `SSL_CERT_FILE` instead of the system's file.
        file: Option<Setting>,
        /// `SSL_CERT_DIR`: directories separated by colons.
        directories: Option<Setting>,
    },
}

impl Tls {
    pub(super) fn resolve(sources: Sources) -> Result<Self, Error> {
        Ok(Self {
            trust_anchors: TrustAnchors::resolve(sources)?,
            verify: !sources.get_flag(options::TLS_SKIP_VERIFY)?,
            server_name: sources.get(options::TLS_SERVER_NAME)?.map(server_name).transpose()?,
            client_identity: client_identity(sources)?,
        })
    }

    /// For a server of the public network.
    pub(super) fn system(sources: Sources) -> Result<Self, Error> {
        let trust_anchors = TrustAnchors::system(sources)?;
        Ok(Self { trust_anchors, verify: true, server_name: None, client_identity: None })
    }
}

impl TrustAnchors {
    /// The order is that of Vault's own client: a file, then a text, then a directory.
    fn resolve(sources: Sources) -> Result<Self, Error> {
        if let Some(file) = sources.get(options::CA_CERT)? {
            return Ok(Self::File(file));
        }
        if let Some(pem) = sources.vault_env("VAULT_CACERT_BYTES")? {
            return Ok(Self::Pem(pem));
        }
        if let Some(directory) = sources.get(options::CA_PATH)? {
            return Ok(Self::Directory(directory));
        }
        Self::system(sources)
    }

    fn system(sources: Sources) -> Result<Self, Error> {
        Ok(Self::System { file: sources.env("SSL_CERT_FILE")?, directories: sources.env("SSL_CERT_DIR")? })
    }
}

/// A name that a certificate can be for.
fn server_name(setting: Setting) -> Result<String, Error> {
    match Host::parse(&setting.value) {
        Ok(Host::Domain(name)) => Ok(name),
        _ => Err(setting.invalid("a host name")),
    }
}

fn client_identity(sources: Sources) -> Result<Option<(Setting, Setting)>, Error> {
    match (sources.get(options::CLIENT_CERT)?, sources.get(options::CLIENT_KEY)?) {
        (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
        (None, None) => Ok(None),
        (Some(Setting { source, .. }), None) => Err(Error::Requires { source, what: options::CLIENT_KEY.name }),
        (None, Some(Setting { source, .. })) => Err(Error::Requires { source, what: options::CLIENT_CERT.name }),
    }
}
