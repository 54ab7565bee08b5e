//! `[pure]` The secrets to read and to create.

use super::error::Error;
use super::setting::{FromSetting, Setting};
use super::sources::Sources;
use super::write_fields::{self, WriteField};
use crate::args::options;
use crate::env_name::{EnvName, is_name_byte};
use crate::mapping::Export;
use crate::secret_path::{PathError, SecretPath};

/// What a prefix must be.
const PREFIX: &str = "the start of a variable name: letters, digits and `_`, no digit first";

/// One secret to read or to create.
#[derive(Debug)]
pub struct SecretRequest {
    /// The path, mount included.
    pub path: SecretPath,
    /// Whether the secret may be missing.
    pub optional: bool,
    /// Whether a project file that the user did not name chose the path or its mount.
    pub discovered: bool,
    /// Whether its keys become variables, and templates find them without the path.
    pub exported: bool,
    /// What to send with `--write`; `None` for a read.
    pub fields: Option<Vec<WriteField>>,
}

/// The secrets that options and templates name, each once; later ones win in templates.
#[derive(Default)]
pub(super) struct SecretRequests {
    pub(super) requests: Vec<SecretRequest>,
    /// The variables to make of them, the later of which win.
    pub(super) exports: Vec<Export>,
    kv: KvVersion,
    mount: Option<SecretPath>,
    mount_discovered: bool,
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

impl FromSetting for SecretPath {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        let path = Self::parse(&setting.value).map(|path| path.in_mount(None));
        path.map_err(|error| setting.invalid(error.expected()))
    }
}

/// `--mount`, and whether a project file that the user did not name chose it.
fn mount(sources: Sources) -> Result<(Option<SecretPath>, bool), Error> {
    let Some(setting) = sources.get::<Setting>(options::MOUNT)? else { return Ok((None, false)) };
    match SecretPath::from_setting(setting.clone())? {
        mount if mount.version.is_some() => Err(setting.invalid("a mount without a version")),
        mount => Ok((Some(mount), setting.discovered)),
    }
}

/// `--prefix`, and whether a project file that the user did not name chose it.
fn default_prefix(sources: Sources) -> Result<(String, bool), Error> {
    match sources.get::<Setting>(options::PREFIX)? {
        Some(setting) if !is_prefix(&setting.value) => Err(setting.invalid(PREFIX)),
        setting => Ok(setting.map(|setting| (setting.value, setting.discovered)).unwrap_or_default()),
    }
}

/// Whether a text can be the start of a name.
fn is_prefix(text: &str) -> bool {
    text.is_empty() || EnvName::parse(text).is_ok()
}

impl SecretRequests {
    /// Those of `--path`, `--optional-path` and `--write`. Typed ones keep their order; those of a variable or a project
    /// file come before them if required, which typed ones build upon, and after them if optional.
    ///
    /// # Errors
    /// As for [`Sources::get`].
    pub(super) fn of_paths(sources: Sources, kv: KvVersion) -> Result<Self, Error> {
        let typed = sources.args.occurrences_of(&[options::PATH, options::OPTIONAL_PATH, options::WRITE]);
        let typed = typed.map(|(option, value)| (option, Setting::new(value, option.name)));
        let listed = |option| Ok(sources.env_or_file_list(option)?.into_iter().map(move |setting| (option, setting)));
        let before = listed(options::PATH)?.chain(listed(options::WRITE)?);
        let (mount, mount_discovered) = mount(sources)?;
        let default_prefix = default_prefix(sources)?;
        let mut all = Self { kv, mount, mount_discovered, ..Self::default() };
        for (option, setting) in before.chain(typed).chain(listed(options::OPTIONAL_PATH)?) {
            let (target, fields) = match setting.value.split_once('?') {
                _ if option != options::WRITE => (&*setting.value, None),
                Some((target, query)) => (target, Some(write_fields::parse(query, &setting)?)),
                None => (&*setting.value, Some(Vec::new())),
            };
            let ((prefix, prefix_discovered), path) = match target.split_once('=') {
                Some((start, path)) if start.bytes().all(is_name_byte) => ((start.to_owned(), false), path),
                _ => (default_prefix.clone(), target),
            };
            // The fields of a write may be secrets.
            let invalid: fn(Setting, &'static str) -> Error =
                if option == options::WRITE { Setting::invalid_unshown } else { Setting::invalid };
            if !is_prefix(&prefix) {
                return Err(invalid(setting, PREFIX));
            }
            let complete = |path| match fields {
                Some(_) => write_fields::require_target(path),
                None => all.complete(path, all.mount.as_ref()),
            };
            let path = SecretPath::parse(path).map_err(PathError::expected).and_then(complete);
            let path = path.map_err(|expected| invalid(setting.clone(), expected))?;
            let mut optional = option == options::OPTIONAL_PATH;
            let mut discovered = setting.discovered || (mount_discovered && fields.is_none());
            let mut export = Export { path: path.clone(), prefix, discovered: discovered || prefix_discovered };
            if let Some(index) = all.requests.iter().position(|request| request.path == path) {
                let same = all.requests.remove(index);
                if fields.is_some() || same.fields.is_some() {
                    let path = Setting { value: path.api_path(), ..setting };
                    return Err(path.invalid("a path that no other --write, --path or --optional-path names"));
                }
                (optional, discovered) = (optional && same.optional, discovered && same.discovered);
            }
            let is_same = |earlier: &Export| (&earlier.path, &earlier.prefix) == (&export.path, &export.prefix);
            if let Some(index) = all.exports.iter().position(is_same) {
                export.discovered &= all.exports.remove(index).discovered;
            }
            all.requests.push(SecretRequest { path, optional, discovered, exported: true, fields });
            all.exports.push(export);
        }
        Ok(all)
    }

    /// Adds a path that a template names, and returns it with its mount. If an option names it as well, that decides
    /// whether it may be missing.
    ///
    /// # Errors
    /// What the path must be instead.
    pub(super) fn add_of_template(&mut self, path: SecretPath, discovered: bool) -> Result<SecretPath, &'static str> {
        let written = path.clone().in_mount(None);
        let is_written = self.requests.iter().any(|request| request.fields.is_some() && request.path == written);
        let path = self.complete(path, self.mount.as_ref().filter(|_| !is_written))?;
        Ok(self.add(path, discovered || self.mount_discovered))
    }

    /// The same of a reference, to which `--mount` does not apply.
    pub(super) fn add_of_reference(&mut self, path: SecretPath) -> Result<SecretPath, &'static str> {
        let path = self.complete(path, None)?;
        Ok(self.add(path, false))
    }

    fn add(&mut self, path: SecretPath, discovered: bool) -> SecretPath {
        if let Some(same) = self.requests.iter_mut().find(|request| request.path == path) {
            same.discovered &= discovered;
        } else {
            let path = path.clone();
            self.requests.push(SecretRequest { path, optional: false, discovered, exported: false, fields: None });
        }
        path
    }

    /// Puts a path into the mount.
    fn complete(&self, path: SecretPath, mount: Option<&SecretPath>) -> Result<SecretPath, &'static str> {
        match path.in_mount(mount) {
            path if path.version.is_some() && self.kv == KvVersion::V1 => {
                Err("a path without a version, which --kv 1 excludes")
            }
            path if path.segment_count() < 2 => Err("a mount and a secret in it, such as secret/app"),
            path => Ok(path),
        }
    }
}
