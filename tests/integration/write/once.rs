//! A write is sent once, unless the server has not received it or refuses to process it. Its answers are in
//! `tests/FAULTS.md`.

use crate::support::canary::CANARY;
use crate::support::fake_server::{FakeServer, NOT_READY, Reply, UNREACHABLE};
use crate::support::vault::TestVault;

pub(crate) const PATH: &str = "pki/issue/web";

pub(crate) const LOST: &str = "a credential may have been created\n\
    hint: if it must not stay valid, revoke it at its engine (sys/leases/lookup and pki/certs list what exists), then start \
    again; a lease ends with the login token\n";

pub(crate) fn issued() -> Reply {
    Reply::answer(200, format!(r#"{{"request_id":"1","data":{{"certificate":"{CANARY}"}}}}"#))
}

/// A server that answers the write with these replies.
pub(crate) fn pki(replies: impl IntoIterator<Item = Reply>) -> FakeServer {
    let mount = Reply::answer(200, r#"{"request_id":"1","data":{"path":"pki/","type":"pki"}}"#);
    FakeServer::answering([Reply::status(500)])
        .and_at("sys/internal/ui/mounts/pki/issue/web", [mount])
        .and_at(PATH, replies)
}

pub(crate) fn vault(fake: &FakeServer) -> TestVault {
    let vault = TestVault::bare().env("VAULT_ADDR", fake.url()).env("VAULT_TOKEN", "hvs.canary-of-the-token");
    vault.env("VAULT_CLIENT_TIMEOUT", "1s").args(["--write", "pki/issue/web?common_name=web.test"])
}

pub(crate) fn writes(fake: &FakeServer) -> usize {
    fake.asked().iter().filter(|path| *path == &format!("/v1/{PATH}")).count()
}

#[test]
fn attempts_limit_a_write_that_is_refused() {
    let fake = pki([Reply::status(503)]);
    vault(&fake).args(["--attempts", "2"]).fails(&format!(
        "vault-exec: waiting for {{addr}}: sealed or not ready (503) (for 1m at most)\n\
         vault-exec: write {PATH}: {{addr}}: sealed or not ready (503); gave up after 2 attempts (--attempts)\n{NOT_READY}"
    ));
    assert_eq!(writes(&fake), 2);

    // After a refusal, an answer that does not tell ends it as ever.
    let fake = pki([Reply::status(503), Reply::closed(), issued()]);
    let outcome = vault(&fake).run(["echo", "the program was started"]).exits(125).stdout_is("");
    assert!(outcome.stderr.ends_with(LOST), "{outcome}");
    assert_eq!(writes(&fake), 2);
}

/// The server is gone between the lookup and the write: nothing was sent, so that each attempt may be repeated.
#[test]
fn a_write_that_was_not_sent_is_repeated() {
    let target = "http://127.0.0.1:1/v1/pki/issue/web";
    let fake = pki([Reply::redirect(307, target)]);
    let outcome = vault(&fake).args(["--attempts", "3"]).run(["echo"]).exits(125).stdout_is("");
    let reason = "redirected to http://127.0.0.1:1: connection refused; gave up after 3 attempts (--attempts)\n";
    assert!(outcome.stderr.contains(reason) && outcome.stderr.ends_with(UNREACHABLE), "{outcome}");
    assert_eq!(writes(&fake), 3);
}

/// A node that redirects does not process the request.
#[test]
fn a_write_follows_one_redirect() {
    for status in [301, 302, 307, 308] {
        let leader = pki([issued()]);
        let standby = pki([Reply::redirect(status, &format!("{}/v1/{PATH}", leader.url()))]);
        vault(&standby).environ().has("CERTIFICATE", CANARY).stderr_is("");
        let request = &leader.requests()[0];
        assert_eq!((request.method(), &*request.body), ("POST", r#"{"common_name":"web.test"}"#));
        assert_eq!((writes(&standby), writes(&leader)), (1, 1));

        let lost = pki([Reply::closed()]);
        let standby = pki([Reply::redirect(status, &format!("{}/v1/{PATH}", lost.url()))]);
        let outcome = vault(&standby).run(["echo", "the program was started"]).exits(125).stdout_is("");
        assert!(outcome.stderr.ends_with(LOST), "{outcome}");
        assert_eq!((writes(&standby), writes(&lost)), (1, 1));

        let third = pki([issued()]);
        let second = pki([Reply::redirect(status, &format!("{}/v1/{PATH}", third.url()))]);
        let first = pki([Reply::redirect(status, &format!("{}/v1/{PATH}", second.url()))]);
        let outcome = vault(&first).run(["echo", "the program was started"]).exits(125).stdout_is("");
        assert!(outcome.stderr.contains("only one redirect is followed"), "{outcome}");
        assert!(!outcome.stderr.contains("may have been created"), "{outcome}");
        assert_eq!((writes(&first), writes(&second), writes(&third)), (1, 1, 0));
    }
}

/// The lookup of the mount is a read like any other, and the write waits for it.
#[test]
fn nothing_is_sent_if_the_lookup_fails() {
    for lookup in [Reply::answer(200, "<html>"), Reply::answer(404, "{}"), Reply::status(403), Reply::status(400)] {
        let fake = FakeServer::answering([issued()])
            .and_at("sys/internal/ui/mounts/pki/issue/web", [lookup])
            .and_at("auth/token/lookup-self", [Reply::answer(200, r#"{"data":{}}"#)]);
        let outcome = vault(&fake).run(["echo", "the program was started"]).exits(125).stdout_is("");
        let start = "vault-exec: write pki/issue/web: nothing was sent: the server does not report the mount\n";
        assert!(outcome.stderr.starts_with(start), "{outcome}");
        assert_eq!(writes(&fake), 0);
    }
    let fake = FakeServer::answering([Reply::closed()]);
    vault(&fake).args(["--attempts", "1"]).run(["echo"]).exits(125);
    assert_eq!(writes(&fake), 0);
}
