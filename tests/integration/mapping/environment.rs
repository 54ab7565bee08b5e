//! What of the inherited environment the program gets, and what it never sees.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::support::vault::{Bed, ROOT};

/// Hands its command a block that no shell would make: names twice, an entry without `=`, a name that starts with one.
const ODD_BLOCK: &str = r"
import ctypes, os, sys
own = [name + b'=' + value for name, value in os.environb.items()]
odd = [b'TWICE=first', b'TWICE=second', b'VAULT_TOKEN=other', b'K=inherited', b'K=again', b'no equals sign', b'=C:=x']
def strings(items): return (ctypes.c_char_p * (len(items) + 1))(*items)
line = [os.fsencode(argument) for argument in sys.argv[1:]]
ctypes.CDLL(None).execve(line[0], strings(line), strings(own + odd))
";

#[test]
fn the_secret_wins_unless_told_otherwise() {
    for bed in Bed::each() {
        let bed = bed.secret("a", [("both", "vault"), ("alone", "vault")]).path("a").env("BOTH", "env");
        bed.environ().has("BOTH", "vault").has("ALONE", "vault");
        bed.clone().args(["--on-conflict", "vault"]).environ().has("BOTH", "vault");
        bed.clone().args(["--on-conflict", "env"]).environ().has("BOTH", "env").has("ALONE", "vault");
        bed.clone().args(["--on-conflict", "env"]).env("BOTH", "").environ().has("BOTH", "");
        bed.args(["--on-conflict", "error"]).env("ALONE", "").fails(
            "vault-exec: --on-conflict error: ALONE, BOTH already in the environment\n\
             hint: unset them, --skip their keys, or choose --on-conflict vault or env\n",
        );
    }
}

#[test]
fn what_a_secret_replaces_in_another_secret_is_no_conflict() {
    for bed in Bed::each() {
        let bed = bed.secret("a", [("k", "a")]).secret("b", [("k", "b")]).path("a").path("b");
        bed.args(["--on-conflict", "error"]).environ().has("K", "b");
    }
}

#[test]
fn a_pristine_environment_holds_what_is_named() {
    for bed in Bed::each() {
        let bed = bed.secret("a", [("k", "v")]).path("a").args(["--pristine"]).env("A", "1").env("B", "");
        bed.environ().has_only(["K=v"]);
        bed.clone().args(["--keep-env", "A", "--keep-env", "B"]).environ().has_only(["A=1", "B=", "K=v"]);
        bed.clone().args(["--keep-env", "HOME", "--keep-env", "ABSENT"]).environ().has_only(["HOME={home}", "K=v"]);
        let conflict = bed.args(["--keep-env", "K", "--on-conflict", "env"]).env("K", "env");
        conflict.environ().has_only(["K=env"]);
    }
}

#[test]
fn what_is_not_kept_is_no_conflict() {
    for bed in Bed::each() {
        let bed = bed.secret("a", [("k", "v")]).path("a").env("K", "env");
        bed.args(["--pristine", "--on-conflict", "error"]).environ().has_only(["K=v"]);
    }
}

#[test]
fn keeping_what_is_kept_or_never_passed_on_is_an_error() {
    let bed = Bed::bare().args(["--path", "a/b"]);
    bed.clone().args(["--keep-env", "A"]).fails(
        "vault-exec: --keep-env: everything is kept without --pristine\n\
         hint: add --pristine, or leave --keep-env out\n",
    );
    bed.args(["--pristine", "--keep-env", "VAULT_TOKEN"]).fails(
        "vault-exec: --keep-env: VAULT_TOKEN is for vault-exec and never passed on\n\
         hint: --keep-token leaves the token in VAULT_TOKEN\n",
    );
}

#[test]
fn all_missing_variables_are_listed_at_once() {
    for bed in Bed::each() {
        let bed = bed.secret("a", [("k", "v"), ("empty", "")]).path("a").env("A", "1").env("B", "");
        bed.clone().args(["--require", "K", "--require", "A"]).environ().has("K", "v");
        bed.args(["--require", "K", "--require", "EMPTY", "--require", "B", "--require", "C"]).fails(
            "vault-exec: --require: not set or empty: EMPTY, B, C\n\
             hint: add the keys to a secret that --path names, or set the variables\n",
        );
    }
}

#[test]
fn what_was_for_vault_exec_never_reaches_the_program() {
    let ours = "BAO_TOKEN VAULT_SECRET_ID BAO_SECRET_ID VAULT_JWT BAO_JWT VAULT_PASSWORD BAO_PASSWORD VAULT_EXEC_ONLY_X \
                VAULT_EXEC_ SOMETHING_ELSE";
    for bed in Bed::each() {
        let mut bed = bed.secret("a", [("k", "v")]).path("a").env("VAULT_EXEC_ATTEMPTS", "3");
        for name in ours.split_whitespace() {
            bed = bed.env(name, ROOT);
        }
        let mut outcome = bed.environ().lacks("VAULT_TOKEN").lacks("VAULT_EXEC_ATTEMPTS").has("K", "v");
        for name in ours.split_whitespace().filter(|name| *name != "SOMETHING_ELSE") {
            outcome = outcome.lacks(name);
        }
        outcome.has("SOMETHING_ELSE", ROOT).has("VAULT_ADDR", bed.fill("{addr}"));
    }
}

#[test]
fn the_token_is_kept_when_told_so() {
    for bed in Bed::each() {
        let bed = bed.secret("a", [("k", "v")]).path("a").args(["--keep-token"]);
        bed.environ().has("VAULT_TOKEN", ROOT);
        let bao = bed.clone().without("VAULT_TOKEN").env("BAO_TOKEN", format!(" {ROOT}\n"));
        bao.environ().has("VAULT_TOKEN", ROOT).lacks("BAO_TOKEN");
        let file = bed.clone().without("VAULT_TOKEN").file(".vault-token", ROOT);
        file.environ().has("VAULT_TOKEN", ROOT);
        bed.args(["--pristine"]).environ().has_only(["K=v", &format!("VAULT_TOKEN={ROOT}")]);
    }
}

#[test]
fn a_secret_may_set_such_a_name_itself() {
    for bed in Bed::each() {
        let bed =
            bed.secret("a", [("vault_token", "own"), ("bao_secret_id", "id"), ("vault_exec_path", "p")]).path("a");
        bed.environ().has("VAULT_TOKEN", "own").has("BAO_SECRET_ID", "id").has("VAULT_EXEC_PATH", "p");
        bed.args(["--on-conflict", "error"]).environ().has("VAULT_TOKEN", "own");
    }
}

#[test]
fn inherited_variables_pass_byte_for_byte() {
    let bytes: Vec<u8> = (1..=255).collect();
    for bed in Bed::each() {
        let bed = bed.secret("a", [("k", "v")]).path("a").env("ALL", OsString::from_vec(bytes.clone()));
        let bed = bed.env(OsString::from_vec(b"\xff\xfe-x".to_vec()), " spaces ").env("EMPTY", "");
        bed.environ().has("ALL", &bytes).has(b"\xff\xfe-x", " spaces ").has("EMPTY", "").has("K", "v");
    }
}

#[test]
fn each_name_reaches_the_program_once() {
    for bed in Bed::each() {
        let bed = bed.secret("a", [("k", "v")]).path("a").under(["python3", "-c", ODD_BLOCK]);
        let outcome = bed.environ().has("TWICE", "first").has("K", "v").lacks("VAULT_TOKEN").has("=C:", "x");
        outcome.stderr_is("");
        bed.args(["--on-conflict", "env"]).environ().has("K", "inherited");
    }
}
