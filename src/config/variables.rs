//! `[pure]` Which variables the program gets: how keys are named, templates, and what is inherited.

use std::collections::BTreeSet;

use super::credential::Credential;
use super::error::Error;
use super::secret_requests::SecretRequests;
use super::setting::{FromSetting, Setting};
use super::sources::Sources;
use crate::args::options::{self, OptionSpec};
use crate::env_block::is_withheld;
use crate::env_name::{Case, EnvName};
use crate::environment::{EnvPolicy, OnConflict};
use crate::mapping::{Export, KeyMapping, OnDuplicate};
use crate::template::{Assignment, ReferenceError, Template};

/// What the name of a file must be, and in a project file that the user did not name, that of any variable.
const PORTABLE_NAME: &str = "a variable name before the `=`: letters, digits and `_`, no digit first";

/// The variables and files to make from templates.
#[derive(Debug, Default)]
pub struct Templates {
    /// `--set`
    pub set: Vec<Assignment>,
    /// `--file`: the variable holds the path of a file with the value.
    pub files: Vec<Assignment>,
    /// `--references`: the inherited variables that contain references.
    pub references: Vec<Assignment>,
    /// The permissions of these files.
    pub file_mode: Option<u32>,
    /// The directory of these files; `None` keeps them in memory.
    pub file_dir: Option<String>,
}

pub(super) fn key_mapping(sources: Sources, exports: Vec<Export>) -> Result<KeyMapping, Error> {
    Ok(KeyMapping {
        exports,
        only: sources.get_list(options::ONLY)?,
        skip: sources.get_list(options::SKIP)?,
        case: sources.get(options::CASE)?.unwrap_or_default(),
        on_duplicate: sources.get(options::ON_DUPLICATE)?.unwrap_or_default(),
        allowed_names: sources.get_list(options::ALLOW_NAME)?,
        explicit: sources.get_flag(options::EXPLICIT)?,
    })
}

/// The templates; `secrets` gets the paths that they name. `env_policy` decides which variables are searched for references.
///
/// # Errors
/// If a template is malformed, or `--explicit` leaves nothing to export.
pub(super) fn templates(
    sources: Sources,
    env_policy: &EnvPolicy,
    secrets: &mut SecretRequests,
) -> Result<Templates, Error> {
    let with_references = sources.get_flag(options::REFERENCES)?;
    let mut templates = Templates {
        set: sources.get_list(options::SET)?,
        files: sources.get_list(options::FILE)?,
        references: Vec::new(),
        file_mode: sources.get(options::FILE_MODE)?.map(file_mode).transpose()?,
        file_dir: sources.get(options::FILE_DIR)?,
    };
    let has_names = with_references || templates.assignments().next().is_some();
    if !has_names && sources.get_flag(options::EXPLICIT)? {
        return Err(Error::Requires { source: options::EXPLICIT.name.into(), what: "--set, --file or --references" });
    }
    // A variable may choose them in advance.
    let is_idle = |option: &&&OptionSpec| templates.files.is_empty() && sources.args.value_of(option).is_some();
    if let Some(option) = [options::FILE_DIR, options::FILE_MODE].iter().find(is_idle) {
        return Err(Error::Requires { source: option.name.into(), what: options::FILE.name });
    }
    if let Some(Assignment { source, .. }) = templates.files.iter().find(|file| !file.name.is_portable()) {
        return Err(Error::Invalid { source: source.clone(), value: None, expected: PORTABLE_NAME });
    }
    for Assignment { name, template, source, discovered } in templates.set.iter_mut().chain(&mut templates.files) {
        let completed = template.complete_paths(|path| secrets.add_of_template(path, *discovered));
        completed.map_err(|fault| Error::Template { source: source.clone(), name: name.clone(), fault })?;
    }
    let mut names = BTreeSet::new();
    if let Some(Assignment { name, .. }) = templates.assignments().find(|assignment| !names.insert(&assignment.name)) {
        return Err(Error::DuplicateName { name: name.clone() });
    }
    if with_references {
        let is_replaced = |name: &[u8]| {
            let is_set = templates.assignments().any(|assignment| assignment.name.as_str().as_bytes() == name);
            is_set && env_policy.on_conflict != OnConflict::Env
        };
        let is_searched = |name: &[u8]| env_policy.is_kept(name) && !is_replaced(name);
        templates.references = references(sources, is_searched, secrets)?;
    }
    Ok(templates)
}

/// The inherited variables with references.
fn references(
    sources: Sources,
    is_searched: impl Fn(&[u8]) -> bool,
    secrets: &mut SecretRequests,
) -> Result<Vec<Assignment>, Error> {
    let allowed: Vec<EnvName> = sources.get_list(options::ALLOW_NAME)?;
    let source = options::REFERENCES.name;
    let mut references = Vec::new();
    for entry in sources.inherited.entries() {
        let name = entry.name();
        let error = |fault| Error::Reference { name: String::from_utf8_lossy(name).into_owned(), fault };
        let is_token = matches!(name, b"VAULT_TOKEN" | b"BAO_TOKEN");
        if is_token && matches!(entry.value(), b"vault:login" | b"bao:login") {
            return Err(error(ReferenceError::Login));
        }
        if !is_searched(name) {
            continue;
        }
        let Some(mut template) = Template::parse_references(entry.value()).map_err(error)? else { continue };
        let name = str::from_utf8(name).ok().and_then(|name| EnvName::parse_any(name).ok());
        let name = name.ok_or_else(|| error(ReferenceError::Malformed))?;
        if let Some(danger) = name.danger(false).filter(|_| !allowed.contains(&name)) {
            return Err(Error::Dangerous { source, name, danger });
        }
        let completed = template.complete_paths(|path| secrets.add_of_reference(path));
        completed.map_err(|fault| Error::Template { source: source.into(), name: name.clone(), fault })?;
        references.push(Assignment { name, template, source: source.into(), discovered: false });
    }
    Ok(references)
}

impl Templates {
    /// Those of variables and of files.
    pub fn assignments(&self) -> impl Iterator<Item = &Assignment> {
        self.set.iter().chain(&self.files)
    }
}

pub(super) fn env_policy(sources: Sources, credential: &Credential) -> Result<EnvPolicy, Error> {
    let pristine = sources.get_flag(options::PRISTINE)?;
    let keep: Vec<Setting> = sources.get_list(options::KEEP_ENV)?;
    if let Some(Setting { source, .. }) = keep.first().filter(|_| !pristine) {
        return Err(Error::Requires { source: source.clone(), what: options::PRISTINE.name });
    }
    if let Some(name) = keep.iter().find(|name| is_withheld(name.value.as_bytes())) {
        return Err(name.clone().invalid("a variable that is not meant for vault-exec (see --keep-token)"));
    }
    let require: Vec<Setting> = sources.get_list(options::REQUIRE)?;
    if let Some(name) = keep.iter().chain(&require).find(|name| name.value.contains(['*', ','])) {
        return Err(name.clone().invalid("the name of one variable, without a pattern; repeat the option for more"));
    }
    Ok(EnvPolicy {
        withhold_github_token: credential.uses_github_token(),
        on_conflict: sources.get(options::ON_CONFLICT)?.unwrap_or_default(),
        keep_only: pristine.then(|| keep.into_iter().map(|name| name.value).collect()),
        require: require.into_iter().map(|name| name.value).collect(),
    })
}

impl FromSetting for Case {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        setting.one_of("upper or keep", &[("upper", Self::Upper), ("keep", Self::Keep)])
    }
}

impl FromSetting for OnConflict {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        let choices = [("vault", Self::Vault), ("env", Self::Env), ("error", Self::Error)];
        setting.one_of("vault, env or error", &choices)
    }
}

impl FromSetting for OnDuplicate {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        setting.one_of("last or error", &[("last", Self::Last), ("error", Self::Error)])
    }
}

impl FromSetting for EnvName {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        Self::parse(&setting.value)
            .map_err(|_| setting.invalid("a variable name: letters, digits and `_`, no digit first"))
    }
}

/// Permissions with which the owner can read the file.
fn file_mode(setting: Setting) -> Result<u32, Error> {
    match u32::from_str_radix(&setting.value, 8) {
        Ok(mode) if mode & !0o777 == 0 && mode & 0o400 != 0 => Ok(mode),
        _ => Err(setting.invalid("an octal mode that includes owner read, such as 0400 or 0444")),
    }
}

/// `NAME=TEMPLATE`. No error shows the value: without a name, a part of a secret may precede the first `=`.
impl FromSetting for Assignment {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        let Some((name, template)) = setting.value.split_once('=') else {
            return Err(setting.invalid_unshown("NAME=TEMPLATE such as PGPASSWORD={postgres_password}"));
        };
        let name = match EnvName::parse_any(name) {
            Ok(name) if setting.discovered && !name.is_portable() => return Err(setting.invalid_unshown(PORTABLE_NAME)),
            Ok(name) => name,
            Err(_) => return Err(setting.invalid_unshown("a variable name before the `=`")),
        };
        if let (true, Some(danger)) = (setting.discovered, name.danger(true)) {
            let what = format!("{name}, {danger},");
            return Err(Error::Refused { source: setting.source, what });
        }
        match Template::parse(template) {
            Ok(template) => Ok(Self { name, template, source: setting.source, discovered: setting.discovered }),
            Err(fault) => Err(Error::Template { source: setting.source, name, fault }),
        }
    }
}
