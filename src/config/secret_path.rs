//! `[pure]` The grammar of a path: `secret/airflow@3`.

use std::fmt;

use super::error::Error;
use super::setting::{FromSetting, Setting};

/// The path of a secret as `vault kv get` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPath {
    /// At least one segment, none of them empty, `.` or `..`.
    segments: Vec<String>,
    /// The pinned version of a KV v2 secret, from 1.
    pub version: Option<u64>,
}

/// What is wrong with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathError {
    /// No segment.
    Empty,
    /// `a//b`, `a/./b` or `a/../b`, which a server or a proxy may normalize to another path.
    DotSegment,
    /// A control character.
    Unprintable,
    /// An `@` followed by nothing, `0` or a number over 64 bits.
    Version,
}

impl SecretPath {
    /// Parses a path. Slashes at either end and the `/v1/` of a pasted API address are dropped; digits after the last
    /// `@` are a version, any other `@` is part of the path.
    ///
    /// # Errors
    /// [`PathError`]
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let (path, version) = match text.rsplit_once('@') {
            Some((path, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let version = digits.parse().ok().filter(|&version| version > 0).ok_or(PathError::Version)?;
                (path, Some(version))
            }
            _ => (text, None),
        };
        let path = path.trim_matches('/');
        let path = path.strip_prefix("v1/").unwrap_or(path);
        let segments = Self::segments(path)?.map(str::to_owned).collect();
        Ok(Self { segments, version })
    }

    /// Splits a path at its slashes.
    ///
    /// # Errors
    /// [`PathError`], except [`PathError::Version`].
    pub(super) fn segments(path: &str) -> Result<impl Iterator<Item = &str>, PathError> {
        if path.is_empty() {
            Err(PathError::Empty)
        } else if path.contains(char::is_control) {
            Err(PathError::Unprintable)
        } else if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            Err(PathError::DotSegment)
        } else {
            Ok(path.split('/'))
        }
    }

    /// The path behind `/v1/` of an engine without versions.
    #[must_use]
    pub fn api_path(&self) -> String {
        self.segments.join("/")
    }

    /// The mount, which has `mount_depth` segments, and the secret in this KV v2 mount. `secret/data/airflow`, pasted
    /// from the API, is `secret/airflow`; `secret/dataface/x` and `secret/data` are taken literally. `None` if no
    /// segment is left for the secret.
    #[must_use]
    pub fn split_kv2(&self, mount_depth: usize) -> Option<(String, String)> {
        let (mount, secret) = self.segments.split_at_checked(mount_depth)?;
        let secret = match secret {
            [] => return None,
            [data, rest @ ..] if data == "data" && !rest.is_empty() => rest,
            all => all,
        };
        Some((mount.join("/"), secret.join("/")))
    }

    /// Prepends `mount`, unless the path starts with it already.
    #[must_use]
    pub fn under_mount(mut self, mount: &Self) -> Self {
        let starts_with_mount =
            self.segments.len() > mount.segments.len() && self.segments.starts_with(&mount.segments);
        if !starts_with_mount {
            self.segments.splice(0..0, mount.segments.iter().cloned());
        }
        self
    }

    /// At least 1.
    #[must_use]
    pub fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// The path without its last segment.
    #[must_use]
    pub fn parent(&self) -> String {
        self.segments[..self.segment_count() - 1].join("/")
    }
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.api_path())
    }
}

impl FromSetting for SecretPath {
    fn from_setting(setting: Setting) -> Result<Self, Error> {
        Self::parse(&setting.value).map_err(|error| setting.invalid(error.expected()))
    }
}

impl PathError {
    const fn expected(self) -> &'static str {
        match self {
            Self::Empty => "a path",
            Self::DotSegment => "a path without empty, `.` or `..` segments",
            Self::Unprintable => "a path without control characters",
            Self::Version => "a version number from 1 after the `@`",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> SecretPath {
        SecretPath::parse(text).unwrap()
    }

    fn kv2(text: &str) -> Option<(String, String)> {
        parse(text).split_kv2(1)
    }

    #[test]
    fn slashes_at_either_end_and_the_api_prefix_are_dropped() {
        for text in
            ["secret/airflow", "/secret/airflow/", "//secret/airflow", "/v1/secret/airflow", "v1/secret/airflow"]
        {
            assert_eq!(parse(text).api_path(), "secret/airflow", "{text}");
        }
    }

    #[test]
    fn a_pasted_api_form_is_the_secret_it_names() {
        let airflow = Some(("secret".to_owned(), "airflow".to_owned()));
        assert_eq!(kv2("secret/airflow"), airflow);
        assert_eq!(kv2("secret/data/airflow"), airflow);
        assert_eq!(kv2("/v1/secret/data/airflow"), airflow);
        assert_eq!(kv2("secret/dataface/x").unwrap().1, "dataface/x");
        assert_eq!(kv2("secret/data").unwrap().1, "data");
        assert_eq!(kv2("secret/data/data/x").unwrap().1, "data/x");
        assert_eq!(kv2("secret"), None);
        assert_eq!(parse("team/kv/data/app").split_kv2(2).unwrap(), ("team/kv".to_owned(), "app".to_owned()));
        assert_eq!(parse("secret/data/airflow").api_path(), "secret/data/airflow");
    }

    #[test]
    fn versions_are_digits_behind_the_last_at() {
        assert_eq!((parse("secret/a@3").version, parse("secret/a@3").api_path()), (Some(3), "secret/a".to_owned()));
        assert_eq!(
            (parse("secret/a@b.c").version, parse("secret/a@b.c").api_path()),
            (None, "secret/a@b.c".to_owned())
        );
        assert_eq!(parse("secret/a@b@12").api_path(), "secret/a@b");
        for wrong in ["secret/a@", "secret/a@0", "secret/a@99999999999999999999"] {
            assert_eq!(SecretPath::parse(wrong), Err(PathError::Version), "{wrong}");
        }
    }

    #[test]
    fn what_another_program_would_read_differently_is_refused() {
        for (text, fault) in [
            ("", PathError::Empty),
            ("//", PathError::Empty),
            ("secret/../sys", PathError::DotSegment),
            ("secret//a", PathError::DotSegment),
            ("./a", PathError::DotSegment),
            ("secret/a\n", PathError::Unprintable),
        ] {
            assert_eq!(SecretPath::parse(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn a_mount_may_be_typed_or_not() {
        let mount = parse("team/kv");
        assert_eq!(parse("app").under_mount(&mount).api_path(), "team/kv/app");
        assert_eq!(parse("team/kv/app").under_mount(&mount).api_path(), "team/kv/app");
        assert_eq!(parse("team/kv").under_mount(&mount).api_path(), "team/kv/team/kv", "a secret cannot be its mount");
    }
}
