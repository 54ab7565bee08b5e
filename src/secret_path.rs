//! `[pure]` The grammar of a path: `secret/airflow@3`.

use std::fmt;
use std::ops::Range;

/// The path of a secret as `vault kv get` takes it. Two versions of a secret have different paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPath {
    /// At least one segment, none of them empty, `.` or `..`.
    segments: Vec<String>,
    /// How many of them are the mount; `None` if the user did not name it.
    mount_depth: Option<usize>,
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
    /// Parses a path without its mount. Slashes at either end are dropped; digits after the last `@` are a version, any
    /// other `@` is part of the path.
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
        let segments = Self::segments(path.trim_matches('/'))?.map(str::to_owned).collect();
        Ok(Self { segments, mount_depth: None, version })
    }

    /// The path in this mount, which makes it literal. Without a mount, the first segment is the mount, and the `/v1/` of
    /// a pasted API address is dropped.
    #[must_use]
    pub fn in_mount(mut self, mount: Option<&Self>) -> Self {
        match mount {
            Some(mount) => {
                self.mount_depth = Some(mount.segments.len());
                self.segments.splice(0..0, mount.segments.iter().cloned());
            }
            None if self.segments.len() > 1 && self.segments[0] == "v1" => _ = self.segments.remove(0),
            None => {}
        }
        self
    }

    /// Splits a path at its slashes.
    ///
    /// # Errors
    /// [`PathError`], except [`PathError::Version`].
    pub fn segments(path: &str) -> Result<impl Iterator<Item = &str>, PathError> {
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

    /// The segments of the mount as far as the command line tells: 1, unless the user named the mount.
    #[must_use]
    pub fn mount_depth(&self) -> usize {
        self.mount_depth.unwrap_or(1)
    }

    /// How many segments its mount may have: one number if the user named the mount.
    #[must_use]
    pub fn possible_mount_depths(&self) -> Range<usize> {
        self.mount_depth.map_or(1..self.segments.len(), |depth| depth..depth + 1)
    }

    /// The mount, which has `mount_depth` segments, and the secret in this KV v2 mount. Unless the user named the mount,
    /// `secret/data/airflow`, pasted from the API, is `secret/airflow`; `secret/dataface/x` and `secret/data` are always
    /// literal. `None` if no segment is left for the secret.
    #[must_use]
    pub fn split_kv2(&self, mount_depth: usize) -> Option<(String, String)> {
        let (mount, secret) = self.segments.split_at_checked(mount_depth)?;
        let secret = match secret {
            [] => return None,
            [data, rest @ ..] if self.mount_depth.is_none() && data == "data" && !rest.is_empty() => rest,
            all => all,
        };
        Some((mount.join("/"), secret.join("/")))
    }

    /// The mount that the user named, and the secret in it.
    #[must_use]
    pub fn split_named(&self) -> Option<(String, String)> {
        self.split_kv2(self.mount_depth?)
    }

    /// As the user writes it: without a named mount, with the version.
    #[must_use]
    pub fn as_typed(&self) -> String {
        let path = self.segments[self.mount_depth.unwrap_or(0)..].join("/");
        self.version.map_or(path.clone(), |version| format!("{path}@{version}"))
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

    /// As the CLI's `kv` commands take it: not in API form.
    #[must_use]
    pub fn cli_path(&self) -> String {
        self.split_kv2(self.mount_depth())
            .map_or_else(|| self.api_path(), |(mount, secret)| format!("{mount}/{secret}"))
    }
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.api_path())
    }
}

impl PathError {
    /// What a path must be instead.
    #[must_use]
    pub const fn expected(self) -> &'static str {
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
        SecretPath::parse(text).unwrap().in_mount(None)
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
        assert_eq!(parse("secret/data/airflow").cli_path(), "secret/airflow");
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
    fn a_path_in_a_named_mount_is_literal() {
        let in_mount = |text: &str| SecretPath::parse(text).unwrap().in_mount(Some(&parse("team/kv")));
        for (text, secret) in [
            ("app", "app"),
            ("/data/app/", "data/app"),
            ("v1/app", "v1/app"),
            ("team/kv/app", "team/kv/app"),
            ("app@2", "app"),
        ] {
            let path = in_mount(text);
            assert_eq!(path.api_path(), format!("team/kv/{secret}"));
            assert_eq!(path.split_kv2(path.mount_depth()), Some(("team/kv".to_owned(), secret.to_owned())));
        }
        assert_eq!((in_mount("app@2").version, in_mount("/app@2").as_typed()), (Some(2), "app@2".to_owned()));
        assert_ne!(in_mount("app@2"), in_mount("app"));
    }
}
