//! Which credential the settings choose, and what is said if it is incomplete.

use super::*;
use crate::config::tests::{resolve_with, shown};

fn auth(variables: &[&str], line: &[&str]) -> String {
    match resolve_with(variables, &[line, &["--path", "a/b", "x"]].concat()).map(|config| config.credential) {
        Ok(Credential::Token(GivenToken { token: None, .. })) => "the stored token".into(),
        Ok(Credential::Token(GivenToken { token: Some(token), .. })) => format!("{token:?}"),
        Ok(Credential::Login(Login { method, mount, namespace })) => {
            format!("{mount} {namespace:?} {}", format!("{method:?}").split([' ', '{']).next().unwrap())
        }
        Err(error) => shown(error),
    }
}

#[test]
fn the_first_method_with_a_credential_is_used() {
    let all = [
        "VAULT_TOKEN=t",
        "VAULT_TOKEN_FILE=f",
        "VAULT_ROLE_ID=r",
        "VAULT_JWT=j",
        "VAULT_USERNAME=u",
        "VAULT_PASSWORD=p",
    ];
    assert!(auth(&all, &[]).contains("VAULT_TOKEN\""));
    assert!(auth(&all[1..], &[]).contains("VAULT_TOKEN_FILE"));
    assert_eq!(auth(&all[2..], &[]), "approle None AppRole");
    assert_eq!(auth(&all[3..], &[]), "jwt None Jwt");
    assert_eq!(auth(&all[4..], &[]), "userpass None Password");
    assert_eq!(auth(&all[5..], &[]), "the stored token");
    assert_eq!(auth(&all, &["--auth", "ldap", "--auth-mount", "auth/corp/"]), "corp None Password");
    let github = ["ACTIONS_ID_TOKEN_REQUEST_URL=https://g/?a=b", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=t"];
    assert_eq!(auth(&github, &[]), "the stored token", "the token may be for another service");
    assert_eq!(auth(&github, &["--role", "ci"]), "jwt None Jwt");
}

#[test]
fn a_missing_part_of_a_credential_is_named() {
    assert_eq!(
        auth(&[], &["--auth", "approle"]),
        "--auth approle requires a role_id: --role-id, VAULT_ROLE_ID, --role-id-file or VAULT_ROLE_ID_FILE"
    );
    assert_eq!(
        auth(&[], &["--auth", "jwt"]),
        "--auth jwt requires a JWT: VAULT_JWT, VAULT_ID_TOKEN (on GitLab from `id_tokens`), --jwt-file or \
         VAULT_JWT_FILE, or on GitHub Actions the permission `id-token: write`"
    );
    assert_eq!(auth(&[], &["--auth", "kubernetes"]), "--auth kubernetes requires --role");
    assert_eq!(
        auth(&[], &["--auth", "cert"]),
        "--auth cert requires a client certificate: --client-cert and --client-key, or VAULT_CLIENT_CERT and VAULT_CLIENT_KEY"
    );
    assert_eq!(auth(&[], &["--client-key", "k"]), "--client-key requires --client-cert");
    assert_eq!(
        auth(&[], &["--auth", "github"]),
        "--auth: `github`: expected token, approle, kubernetes, jwt, userpass, ldap or cert"
    );
}

#[test]
fn the_method_may_be_in_another_namespace() {
    let role = ["VAULT_ROLE_ID=r", "VAULT_NAMESPACE=team"];
    assert_eq!(auth(&role, &[]), "approle Some(\"team\") AppRole");
    assert_eq!(auth(&role, &["--auth-namespace", "root"]), "approle Some(\"root\") AppRole");
}

#[test]
fn policies_are_relative_to_the_login_namespace() {
    let source = |auth: &str, namespace: &str| {
        let variables = ["VAULT_ROLE_ID=r", &format!("VAULT_NAMESPACE={namespace}")];
        let line = ["--auth-namespace", auth, "--path", "a/b", "x"];
        let config = resolve_with(&variables, &line).unwrap();
        let source = config.credential.policy_prefix(config.connection.namespace.as_deref());
        source.map_err(|error| error.login)
    };
    assert_eq!(source("", "team"), Ok(String::new()));
    assert_eq!(source("/team/", "team"), Ok(String::new()));
    assert_eq!(source("root", "team/a"), Ok("team/a/".into()));
    assert_eq!(source("team", "team/a/"), Ok("a/".into()));
    assert_eq!(source("team", "teams"), Err("team".into()));
    assert_eq!(source("team/a", "team"), Err("team/a".into()));
}
