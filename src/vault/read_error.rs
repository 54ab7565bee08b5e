//! `[net]` Why a path cannot be read, and what to do about it.

use http::StatusCode;
use serde::de::IgnoredAny;

use crate::config::{KvVersion, OutsideLoginNamespace};
use crate::error::CliError;
use crate::escape::is_pastable;
use crate::secret::Secret;
use crate::secret_path::SecretPath;
use crate::vault::client::Session;
use crate::vault::request;

/// What is known about a path that cannot be read.
pub(super) struct ReadError<'a> {
    pub(super) path: &'a SecretPath,
    pub(super) kv: KvVersion,
    /// Whether the form of the request is a guess, because the server does not tell the mount.
    pub(super) mount_unknown: bool,
    /// What a policy must allow: `read` or `update`.
    pub(super) capability: &'static str,
    /// Whether an option named the path, rather than a template or a reference, which need its keys.
    pub(super) may_be_optional: bool,
    /// See [`Address::cli`](crate::config::Address::cli).
    pub(super) cli: &'static str,
}

/// What the server answered with 403.
pub(super) struct Denial {
    /// The path that a policy would have to name.
    pub(super) policy_path: String,
    /// Whether the server says so.
    pub(super) is_token_invalid: bool,
    /// Whether only the mount was looked up, and its lookup failed.
    pub(super) unsent: bool,
    pub(super) server_reason: Option<Secret>,
}

/// See [`Credential::policy_prefix`](crate::config::Credential::policy_prefix).
type PolicyPrefix = Result<String, OutsideLoginNamespace>;

/// What does not exist on the server.
pub(super) enum Absence {
    /// The secret, or its pinned version.
    Secret,
    /// The data of this version, which can be restored.
    Deleted(u64),
    /// The data of this version, for good.
    Destroyed(u64),
    /// The mount: an error even if the path is optional.
    Mount,
    /// The namespace: an error even if the path is optional.
    Namespace,
}

const MOUNT_UNKNOWN_HINT: &str = "check --kv and --mount: the server did not report the engine of this path";

impl ReadError<'_> {
    pub(super) fn not_found(&self, absence: &Absence) -> CliError {
        let path = self.path;
        let kv_hint = if self.kv == KvVersion::Auto { "" } else { "; --kv auto detects the engine" };
        let (message, hint) = match (absence, path.version) {
            (Absence::Secret, _) if self.mount_unknown => ("no such secret".into(), MOUNT_UNKNOWN_HINT.into()),
            (Absence::Secret, Some(version)) => {
                let hint = self.command("metadata get", &path.cli_path(), " lists the versions", "pin another version");
                (format!("version {version} does not exist"), hint + kv_hint)
            }
            (Absence::Secret, None) => {
                let path = path.cli_path();
                let parent = path.rsplit_once('/').map_or(&*path, |(parent, _)| parent);
                let hint = self.command("list", parent, " lists the secrets", "check the path");
                let optional = if self.may_be_optional { "; --optional-path allows it to be missing" } else { "" };
                ("no such secret".into(), format!("{hint}{optional}{kv_hint}"))
            }
            (Absence::Deleted(version), _) => {
                let undelete = format!("undelete -versions={version}");
                let hint = self.command(&undelete, &path.cli_path(), " restores it", "restore it");
                (format!("version {version} is deleted"), hint + "; @N pins another version")
            }
            (Absence::Destroyed(version), _) => {
                (format!("version {version} is destroyed"), "write a new version, or pin another one with @N".into())
            }
            (Absence::Mount, _) => {
                ("nothing is mounted there".into(), format!("`{} secrets list` lists the mounts", self.cli))
            }
            (Absence::Namespace, _) => ("no such namespace".into(), "check --namespace or VAULT_NAMESPACE".into()),
        };
        CliError::new(message).hint(hint)
    }

    /// A command of the CLI and what it does; `otherwise` if the path may be more than a path to a shell.
    fn command(&self, subcommand: &str, path: &str, effect: &str, otherwise: &str) -> String {
        if is_pastable(path) { format!("`{} kv {subcommand} {path}`{effect}", self.cli) } else { otherwise.to_owned() }
    }

    /// The engine is not of the version that `--kv` gives.
    pub(super) fn wrong_kv(found: &str) -> CliError {
        CliError::new(format!("the mount is KV version {found}, which is not that of --kv"))
            .hint("leave --kv out, so that it is detected, or give the other version")
    }

    /// Another version was returned than the pinned one.
    pub(super) fn other_version(found: u64) -> CliError {
        CliError::new(format!("the server returned version {found} instead of the pinned one"))
            .hint("check the proxies and agents between vault-exec and the server, which may have a cache")
    }

    /// A version is pinned, but the engine has none.
    pub(super) fn no_versions(engine: &str) -> CliError {
        CliError::new(format!("a version is pinned, but the secret is in {engine}, which has no versions"))
            .hint("leave out the @ and the version")
    }

    /// The secret has a key that must not be printed.
    pub(super) fn credential_as_key() -> CliError {
        CliError::new("a key contains the token or another credential of this start")
            .hint("rename the key, and replace the credential: everyone who can read the secret knows it")
    }

    /// Nothing is mounted where the mount was expected, and the server did not report the mount.
    pub(super) fn mount_not_found(&self, policy_prefix: &PolicyPrefix) -> CliError {
        let error = CliError::new("the mount does not exist, or the token lacks the permission (403)");
        let lists = format!("`{} secrets list` lists the mounts", self.cli);
        match policy_prefix {
            Ok(prefix) => self.possible_policies(error, &format!("{lists}; "), prefix, 1),
            Err(_) => error.hint(lists),
        }
    }

    /// Puts the remedy for a slip of the pen before the hint.
    pub(super) fn with_slip(&self, error: CliError) -> CliError {
        let path = self.path.api_path();
        let named = self.path.split_named();
        let bare = named.as_ref().and_then(|(mount, _)| mount.strip_suffix("/data"));
        match bare.filter(|bare| is_pastable(bare)) {
            _ if path.contains('#') => error.likelier_hint("`#` is for templates; --only takes one key"),
            Some(bare) => error.likelier_hint(format_args!("the mount is `{bare}`")),
            None if named.as_ref().is_some_and(|(_, secret)| secret.starts_with("data/")) => {
                error.likelier_hint("with --mount the path is literal: leave out `data/`")
            }
            None => error,
        }
    }

    /// The server answers 403 both if a policy lacks the path and if the token is not valid. One more request tells them
    /// apart, unless the server does.
    pub(super) async fn permission_denied(
        &self,
        session: &Session<'_>,
        policy_prefix: &PolicyPrefix,
        Denial { policy_path, is_token_invalid, unsent, server_reason }: Denial,
    ) -> CliError {
        let denied =
            if unsent { "nothing was sent: the server does not report the mount" } else { "permission denied (403)" };
        let uses_left = session.uses_left();
        if uses_left.is_some_and(|left| left < 0) {
            return CliError::new(format!("{denied}: the login token allows fewer requests than are needed"))
                .hint("raise token_num_uses of the role, or save requests with --kv and --mount");
        }
        let may_be_invalid = is_token_invalid || (uses_left != Some(0) && lookup_is_denied(session).await);
        let error = match (session.token, policy_prefix) {
            (None, _) if may_be_invalid => CliError::new(format!("{denied}: the agent has no valid token"))
                .hint("see the agent's log: it could not log in, or it does not add its token (use_auto_auth_token)"),
            _ if is_token_invalid => {
                CliError::new(format!("{denied}: the token is expired, revoked or unknown to this server"))
                    .hint("log in again, or set VAULT_TOKEN or --token-file to a valid token")
            }
            (_, Err(OutsideLoginNamespace { login: namespace })) => CliError::new(format!(
                "{denied}: the token belongs to namespace `{namespace}`, and the secret is outside it"
            ))
            .hint("log in to the namespace of the secret, or one above it, with --auth-namespace"),
            (_, Ok(prefix)) => {
                let (error, again) = if may_be_invalid {
                    let error = CliError::new(format!(
                        "{denied}: the token lacks the permission, or is expired, revoked or unknown to this server"
                    ));
                    (error, "log in again if it should be valid; otherwise: ")
                } else {
                    (CliError::new(denied), if unsent { "check the path; if it is right, " } else { "" })
                };
                match self.stanza(prefix, &policy_path) {
                    _ if self.mount_unknown => self.possible_policies(error, again, prefix, 0),
                    Some(stanza) => {
                        error.hint(format!("{again}a policy of the token must contain")).with_policies(vec![stanza])
                    }
                    None => error.hint(format!("{again}{}", self.unpastable_policy())),
                }
            }
        };
        error.with_server_reason(server_reason)
    }

    /// Adds one stanza for each form that the path may have in a policy, but for the first `excluded` mounts. The hint
    /// begins with `first`.
    fn possible_policies(&self, error: CliError, first: &str, prefix: &str, excluded: usize) -> CliError {
        let depths = self.path.possible_mount_depths();
        let kv2 = depths.clone().skip(excluded).filter_map(|depth| self.path.split_kv2(depth));
        let mut forms: Vec<_> = kv2
            .map(|(mount, secret)| (format!("If {mount}/ is KV version 2"), format!("{mount}/data/{secret}")))
            .collect();
        let path = self.path.api_path();
        if !forms.iter().any(|(_, form)| *form == path) {
            forms.push(("If it is KV version 1 or another engine".into(), path));
        }
        let policies = forms.iter().map(|(form, path)| Some(format!("# {form}:\n{}", self.stanza(prefix, path)?)));
        let mount = self.path.split_kv2(depths.start).map_or(String::new(), |(mount, _)| mount);
        match policies.collect::<Option<Vec<_>>>() {
            Some(policies) => error
                .hint(format!(
                    "{first}is the mount really called `{mount}`? If so, a policy of the token must contain one of these; \
                     with --kv and --mount only one is left"
                ))
                .with_policies(policies),
            None => error.hint(format!("{first}{}; {MOUNT_UNKNOWN_HINT}", self.unpastable_policy())),
        }
    }

    /// As it is pasted into a policy; `None` if HCL may interpret the path.
    fn stanza(&self, prefix: &str, path: &str) -> Option<String> {
        let (path, capability) = (format!("{prefix}{path}"), self.capability);
        is_pastable(&path).then(|| format!("path \"{path}\" {{\n  capabilities = [\"{capability}\"]\n}}"))
    }

    fn unpastable_policy(&self) -> String {
        format!("a policy of the token must allow to {} this path", self.capability)
    }
}

/// Whether the token cannot even look itself up, which the `default` policy allows.
async fn lookup_is_denied(session: &Session<'_>) -> bool {
    let response = session.send_once::<IgnoredAny>(request::lookup_self()).await;
    response.is_ok_and(|response| response.status == StatusCode::FORBIDDEN)
}
