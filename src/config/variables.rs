//! `[pure]` Which variables the program gets: how keys are named, what is put together, what is inherited.

use super::sources::Given;
use super::{Error, Setting};
use crate::env_block::is_withheld;
use crate::env_name::{Case, EnvName};
use crate::template::{Assignment, Template};

/// How keys become names.
#[derive(Debug, Default)]
pub struct KeyMapping {
    /// Take these keys alone; empty takes all.
    pub only: Vec<String>,
    /// Leave these keys out.
    pub skip: Vec<String>,
    /// What happens to letters.
    pub case: Case,
    /// What goes in front, itself a valid start of a name or empty.
    pub prefix: String,
    /// Dangerous names that are taken all the same.
    pub allow: Vec<EnvName>,
    /// Whether no key becomes a variable by itself.
    pub explicit: bool,
}

/// What is put together from values.
#[derive(Debug, Default)]
pub struct Templates {
    /// Variables.
    pub set: Vec<Assignment>,
    /// Variables that hold the name of a file with the value.
    pub files: Vec<Assignment>,
    /// The permissions of these files.
    pub file_mode: Option<u32>,
    /// The directory they are written to, instead of memory alone.
    pub file_dir: Option<String>,
}

/// How names and the inherited environment become one.
#[derive(Debug, Default)]
pub struct EnvPolicy {
    /// Who wins.
    pub on_conflict: OnConflict,
    /// Inherited variables to keep; `None` keeps all.
    pub keep: Option<Vec<String>>,
    /// Variables that must be set and not empty in the end.
    pub require: Vec<String>,
}

/// Who wins when a variable of the same name was inherited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// The secret.
    #[default]
    Vault,
    /// The inherited variable.
    Env,
    /// Neither: stop.
    Error,
}

pub(super) fn naming(given: Given) -> Result<KeyMapping, Error> {
    let values = |list: Vec<Setting>| list.into_iter().map(|setting| setting.value).collect();
    let case = given.one("--case", &[])?;
    let prefix = given.one("--prefix", &[])?;
    Ok(KeyMapping {
        only: values(given.list("--only")?),
        skip: values(given.list("--skip")?),
        case: match case {
            None => Case::Upper,
            Some(setting) => setting.choose("upper or keep", &[("upper", Case::Upper), ("keep", Case::Keep)])?,
        },
        prefix: match prefix {
            None => String::new(),
            Some(Setting { value, source }) if EnvName::parse(&value).is_err() => {
                return Err(Error::NotAPrefix { source, value });
            }
            Some(setting) => setting.value,
        },
        allow: given
            .list("--allow-name")?
            .into_iter()
            .map(|Setting { value, source }| {
                EnvName::parse(&value).map_err(|fault| Error::NotAName { source, value, fault })
            })
            .collect::<Result<_, _>>()?,
        explicit: given.switch("--explicit", &[])?,
    })
}

pub(super) fn shape(given: Given) -> Result<Templates, Error> {
    let assignments = |option: &str| {
        let list = given.lines(option)?;
        list.into_iter().map(Setting::assignment).collect::<Result<Vec<_>, _>>()
    };
    let shape = Templates {
        set: assignments("--set")?,
        files: assignments("--file")?,
        file_mode: match given.one("--file-mode", &[])? {
            None => None,
            Some(Setting { value, source }) => match u32::from_str_radix(&value, 8) {
                Ok(mode) if mode & !0o777 == 0 && mode & 0o400 != 0 => Some(mode),
                _ => return Err(Error::NotAMode { source, value }),
            },
        },
        file_dir: given.one("--file-dir", &[])?.map(|directory| directory.value),
    };
    let names: Vec<&EnvName> = shape.set.iter().chain(&shape.files).map(|assignment| &assignment.name).collect();
    match names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
        Some((_, twice)) => Err(Error::Twice { name: (*twice).clone() }),
        None => Ok(shape),
    }
}

pub(super) fn policy(given: Given) -> Result<EnvPolicy, Error> {
    let pristine = given.switch("--pristine", &[])?;
    let keep: Vec<_> = given.list("--keep-env")?;
    let keep: Vec<_> = keep.into_iter().map(|setting| setting.value).collect();
    if !keep.is_empty() && !pristine {
        return Err(Error::KeepWithoutPristine);
    }
    if let Some(name) = keep.iter().find(|name| is_withheld(name.as_bytes())) {
        return Err(Error::KeepsCredential { name: name.clone() });
    }
    let require = given.list("--require")?;
    Ok(EnvPolicy {
        on_conflict: match given.one("--on-conflict", &[])? {
            None => OnConflict::Vault,
            Some(setting) => setting.choose(
                "vault, env or error",
                &[("vault", OnConflict::Vault), ("env", OnConflict::Env), ("error", OnConflict::Error)],
            )?,
        },
        keep: pristine.then_some(keep),
        require: require.into_iter().map(|setting| setting.value).collect(),
    })
}

impl Setting {
    /// `NAME=TEMPLATE`
    fn assignment(self) -> Result<Assignment, Error> {
        let source = self.source;
        let Some((name, template)) = self.value.split_once('=') else { return Err(Error::NotAnAssignment { source }) };
        // Without a name it may be a part of the template, and so of a secret, that stands in front of the first =.
        let name = match EnvName::parse(name) {
            Ok(name) => name,
            Err(fault) => return Err(Error::NotAnAssignedName { source, fault }),
        };
        match Template::parse(template) {
            Ok(template) => Ok(Assignment { name, template, source }),
            Err(fault) => Err(Error::Template { source, name, fault }),
        }
    }
}
