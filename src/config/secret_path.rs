//! `[pure]` The grammar of a path: `secret/airflow@3`.

use std::fmt;

/// Where a secret is, as `vault kv get` takes it.
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
    /// No segment at all.
    Empty,
    /// `a//b`, `a/./b` or `a/../b`, which a server or a proxy on the way would read as another path.
    OddSegment,
    /// A control character.
    Unprintable,
    /// An `@` with nothing, `0` or too large a number behind it.
    Version,
}

impl SecretPath {
    /// Reads a path. Slashes at either end and the `/v1/` of a pasted API address are dropped; digits behind the last
    /// `@` are a version, any other `@` belongs to the path.
    ///
    /// # Errors
    /// See [`PathError`].
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

    /// What the slashes of a path separate.
    ///
    /// # Errors
    /// When it would be another path to a server.
    pub(super) fn segments(path: &str) -> Result<impl Iterator<Item = &str>, PathError> {
        if path.is_empty() {
            Err(PathError::Empty)
        } else if path.contains(char::is_control) {
            Err(PathError::Unprintable)
        } else if path.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            Err(PathError::OddSegment)
        } else {
            Ok(path.split('/'))
        }
    }

    /// The path as `GET /v1/{}` takes it in an engine without versions.
    #[must_use]
    pub fn plain(&self) -> String {
        self.segments.join("/")
    }

    /// The mount of `mount_len` segments and, behind it, the secret in KV v2: `secret/data/airflow`, pasted from the
    /// API, is `secret/airflow`, but `secret/dataface/x` and `secret/data` are just that. `None` where nothing is left
    /// to be the secret.
    #[must_use]
    pub fn in_kv2(&self, mount_len: usize) -> Option<(String, String)> {
        let (mount, secret) = self.segments.split_at_checked(mount_len)?;
        let secret = match secret {
            [] => return None,
            [data, rest @ ..] if data == "data" && !rest.is_empty() => rest,
            all => all,
        };
        Some((mount.join("/"), secret.join("/")))
    }

    /// The same path, where `mount` stands in front of it whether it was typed there or not.
    #[must_use]
    pub fn below(mut self, mount: &Self) -> Self {
        let typed = self.segments.len() > mount.segments.len() && self.segments.starts_with(&mount.segments);
        if !typed {
            self.segments.splice(0..0, mount.segments.iter().cloned());
        }
        self
    }

    /// How many segments it has, at least one.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.segments.len()
    }

    /// The folder it is in, for whoever wants to list it.
    #[must_use]
    pub fn parent(&self) -> String {
        self.segments[..self.depth() - 1].join("/")
    }
}

impl fmt::Display for SecretPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plain())
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "it names nothing",
            Self::OddSegment => "it has an empty, `.` or `..` segment",
            Self::Unprintable => "it has an unprintable character",
            Self::Version => "a version is a number from 1 behind the @",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> SecretPath {
        SecretPath::parse(text).unwrap()
    }

    fn kv2(text: &str) -> Option<(String, String)> {
        parse(text).in_kv2(1)
    }

    #[test]
    fn slashes_at_either_end_and_the_api_prefix_are_dropped() {
        for text in
            ["secret/airflow", "/secret/airflow/", "//secret/airflow", "/v1/secret/airflow", "v1/secret/airflow"]
        {
            assert_eq!(parse(text).plain(), "secret/airflow", "{text}");
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
        assert_eq!(parse("team/kv/data/app").in_kv2(2).unwrap(), ("team/kv".to_owned(), "app".to_owned()));
        assert_eq!(parse("secret/data/airflow").plain(), "secret/data/airflow");
    }

    #[test]
    fn versions_are_digits_behind_the_last_at() {
        assert_eq!((parse("secret/a@3").version, parse("secret/a@3").plain()), (Some(3), "secret/a".to_owned()));
        assert_eq!((parse("secret/a@b.c").version, parse("secret/a@b.c").plain()), (None, "secret/a@b.c".to_owned()));
        assert_eq!(parse("secret/a@b@12").plain(), "secret/a@b");
        for wrong in ["secret/a@", "secret/a@0", "secret/a@99999999999999999999"] {
            assert_eq!(SecretPath::parse(wrong), Err(PathError::Version), "{wrong}");
        }
    }

    #[test]
    fn what_another_program_would_read_differently_is_refused() {
        for (text, fault) in [
            ("", PathError::Empty),
            ("//", PathError::Empty),
            ("secret/../sys", PathError::OddSegment),
            ("secret//a", PathError::OddSegment),
            ("./a", PathError::OddSegment),
            ("secret/a\n", PathError::Unprintable),
        ] {
            assert_eq!(SecretPath::parse(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn a_mount_may_be_typed_or_not() {
        let mount = parse("team/kv");
        assert_eq!(parse("app").below(&mount).plain(), "team/kv/app");
        assert_eq!(parse("team/kv/app").below(&mount).plain(), "team/kv/app");
        assert_eq!(parse("team/kv").below(&mount).plain(), "team/kv/team/kv", "a secret cannot be its mount");
    }
}
