//! `[pure]` The secrets to read.

use super::error::Error;
use super::secret_path::SecretPath;
use super::setting::{FromSetting, Setting};
use super::sources::Sources;
use crate::args::options;

/// One secret to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretRequest {
    /// The path, mount included.
    pub path: SecretPath,
    /// Whether the secret may be missing.
    pub optional: bool,
    /// Whether a project file that the user did not name chose the path or its mount.
    pub discovered: bool,
}

/// The engine to expect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KvVersion {
    /// Ask for KV v2 first and look the mount up if that fails.
    #[default]
    Auto,
    /// KV v1, or any other engine that answers a plain read.
    V1,
    /// KV v2.
    V2,
}

impl FromSetting for KvVersion {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        setting.one_of("auto, 1 or 2", &[("auto", Self::Auto), ("1", Self::V1), ("2", Self::V2)])
    }
}

/// `--mount`
pub(super) fn mount(sources: Sources) -> Result<Option<SecretPath>, Error> {
    let Some(setting) = sources.get::<Setting>(options::MOUNT)? else { return Ok(None) };
    match SecretPath::from_setting(setting.clone())? {
        mount if mount.version.is_some() => Err(setting.invalid("a mount without a version")),
        mount => Ok(Some(mount)),
    }
}

/// The secrets of `--path` and `--optional-path`, the later of which win. Typed ones keep their order; those of a
/// variable or a project file come before them if required, which typed ones build upon, and after them if optional.
///
/// # Errors
/// [`Error::NoPath`], or as for [`Sources::get`].
pub(super) fn secret_requests(
    sources: Sources,
    kv: KvVersion,
    mount: Option<&SecretPath>,
) -> Result<Vec<SecretRequest>, Error> {
    let typed = sources.args.occurrences_of(&[options::PATH, options::OPTIONAL_PATH]);
    let typed = typed.map(|(option, value)| (option == options::OPTIONAL_PATH, Setting::new(value, option.name)));
    let required = sources.get_untyped(options::PATH)?.into_iter().map(|setting| (false, setting));
    let optional = sources.get_untyped(options::OPTIONAL_PATH)?.into_iter().map(|setting| (true, setting));
    let mount_setting = sources.get::<Setting>(options::MOUNT)?;
    let request = |(optional, setting): (bool, Setting)| {
        let path = SecretPath::from_setting(setting.clone())?;
        let path = if let Some(mount) = mount { path.under_mount(mount) } else { path };
        if path.version.is_some() && kv == KvVersion::V1 {
            return Err(setting.invalid("a path without a version, which --kv 1 excludes"));
        }
        if path.segment_count() < 2 {
            return Err(setting.invalid("a mount and a secret in it, such as secret/app"));
        }
        let discovered =
            [Some(&setting), mount_setting.as_ref()].into_iter().flatten().any(|setting| setting.discovered);
        Ok(SecretRequest { path, optional, discovered })
    };
    let requests: Vec<_> = required.chain(typed).chain(optional).map(request).collect::<Result<_, _>>()?;
    if requests.is_empty() { Err(Error::NoPath) } else { Ok(requests) }
}
