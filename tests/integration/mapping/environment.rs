//! What of the inherited environment the program gets, and what it never sees.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use crate::support::openbao::ROOT;
use crate::support::vault::TestVault;

/// Hands its command a block that no shell would make: names twice, entries without `=` or a name, a name that starts with one.
const ODD_BLOCK: &str = r"
import ctypes, os, sys
own = [name + b'=' + value for name, value in os.environb.items()]
odd = [b'TWICE=first', b'TWICE=second', b'VAULT_TOKEN=other', b'K=inherited', b'K=again', b'no equals sign', b'=C:=x', b'K', b'',
       b'=x', b'=', b'\xff\xfe', b'no equals sign']
def strings(items): return (ctypes.c_char_p * (len(items) + 1))(*items)
line = [os.fsencode(argument) for argument in sys.argv[1:]]
ctypes.CDLL(None).execve(line[0], strings(line), strings(own + odd))
";

#[test]
fn on_conflict_chooses_between_secret_and_inherited_variable() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("both", "vault"), ("alone", "vault")]).path("a").env("BOTH", "env");
        vault.environ().has("BOTH", "vault").has("ALONE", "vault");
        vault.clone().args(["--on-conflict", "vault"]).environ().has("BOTH", "vault");
        vault.clone().args(["--on-conflict", "env"]).environ().has("BOTH", "env").has("ALONE", "vault");
        vault.clone().args(["--on-conflict", "env"]).env("BOTH", "").environ().has("BOTH", "");
        vault.args(["--on-conflict", "error"]).env("ALONE", "").fails(
            "vault-exec: --on-conflict error: ALONE, BOTH already in the environment\n\
             hint: unset them, --skip their keys, or choose --on-conflict vault or env\n",
        );
    }
}

#[test]
fn a_key_that_two_secrets_have_is_not_a_conflict() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "a")]).secret("b", [("k", "b")]).path("a").path("b");
        vault.args(["--on-conflict", "error"]).environ().has("K", "b");
    }
}

#[test]
fn pristine_keeps_only_named_variables() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).path("a").args(["--pristine"]).env("A", "1").env("B", "");
        vault.environ().has_only(["K=v"]);
        vault.clone().args(["--keep-env", "A", "--keep-env", "B"]).environ().has_only(["A=1", "B=", "K=v"]);
        vault.clone().args(["--keep-env", "HOME", "--keep-env", "ABSENT"]).environ().has_only(["HOME={home}", "K=v"]);
        let conflict = vault.args(["--keep-env", "K", "--on-conflict", "env"]).env("K", "env");
        conflict.environ().has_only(["K=env"]);
    }
}

#[test]
fn a_variable_that_is_not_kept_is_not_a_conflict() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).path("a").env("K", "env");
        vault.args(["--pristine", "--on-conflict", "error"]).environ().has_only(["K=v"]);
    }
}

#[test]
fn keep_env_needs_pristine_and_keeps_no_credential() {
    let vault = TestVault::bare().args(["--path", "a/b"]);
    vault
        .clone()
        .args(["--keep-env", "A"])
        .fails("vault-exec: --keep-env requires --pristine\nhint: give both, or leave --keep-env out\n");
    vault.args(["--pristine", "--keep-env", "VAULT_TOKEN"]).fails(
        "vault-exec: --keep-env: `VAULT_TOKEN`: expected a variable that is not meant for vault-exec (see --keep-token)\n",
    );
}

#[test]
fn each_name_is_an_option_of_its_own() {
    let vault = TestVault::bare().args(["--path", "a/b", "--pristine", "--keep-env", "HOME"]);
    for (option, names) in [("--keep-env", "GO*"), ("--keep-env", "A,B"), ("--require", "A,B")] {
        vault.clone().args([option, names]).fails(&format!(
            "vault-exec: {option}: `{names}`: expected the name of one variable, without a pattern; repeat the option \
             for more\n"
        ));
    }
}

#[test]
fn all_missing_variables_are_listed_at_once() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v"), ("empty", "")]).path("a").env("A", "1").env("B", "");
        vault.clone().args(["--require", "K", "--require", "A"]).environ().has("K", "v");
        vault.args(["--require", "K", "--require", "EMPTY", "--require", "B", "--require", "C"]).fails(
            "vault-exec: --require: not set or empty: EMPTY, B, C\n\
             hint: add the keys to a secret that --path names, or set the variables\n",
        );
    }
}

#[test]
fn own_credentials_are_withheld_from_the_program() {
    let ours = "BAO_TOKEN VAULT_SECRET_ID BAO_SECRET_ID VAULT_JWT BAO_JWT VAULT_PASSWORD BAO_PASSWORD VAULT_EXEC_ONLY_X \
                VAULT_EXEC_ SOMETHING_ELSE";
    for vault in TestVault::each() {
        let mut vault = vault.secret("a", [("k", "v")]).path("a").env("VAULT_EXEC_ATTEMPTS", "3");
        for name in ours.split_whitespace() {
            vault = vault.env(name, ROOT);
        }
        let mut outcome = vault.environ().lacks("VAULT_TOKEN").lacks("VAULT_EXEC_ATTEMPTS").has("K", "v");
        for name in ours.split_whitespace().filter(|name| *name != "SOMETHING_ELSE") {
            outcome = outcome.lacks(name);
        }
        outcome.has("SOMETHING_ELSE", ROOT).has("VAULT_ADDR", vault.fill("{addr}"));
    }
}

#[test]
fn keep_token_keeps_the_token() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).path("a").args(["--keep-token"]);
        vault.environ().has("VAULT_TOKEN", ROOT);
        let bao = vault.clone().without("VAULT_TOKEN").env("BAO_TOKEN", format!(" {ROOT}\n"));
        bao.environ().has("VAULT_TOKEN", ROOT).lacks("BAO_TOKEN");
        let file = vault.clone().without("VAULT_TOKEN").file(".vault-token", ROOT);
        file.environ().has("VAULT_TOKEN", ROOT);
        vault.args(["--pristine"]).environ().has_only(["K=v", &format!("VAULT_TOKEN={ROOT}")]);
    }
}

#[test]
fn a_secret_may_set_a_withheld_name() {
    for vault in TestVault::each() {
        let vault =
            vault.secret("a", [("vault_token", "own"), ("bao_secret_id", "id"), ("vault_exec_path", "p")]).path("a");
        let vault = vault.args(["--allow-name", "VAULT_EXEC_PATH"]);
        vault.environ().has("VAULT_TOKEN", "own").has("BAO_SECRET_ID", "id").has("VAULT_EXEC_PATH", "p");
        vault.args(["--on-conflict", "error"]).environ().has("VAULT_TOKEN", "own");
    }
}

#[test]
fn inherited_variables_pass_byte_for_byte() {
    let bytes: Vec<u8> = (1..=255).collect();
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).path("a").env("ALL", OsString::from_vec(bytes.clone()));
        let vault = vault.env(OsString::from_vec(b"\xff\xfe-x".to_vec()), " spaces ").env("EMPTY", "");
        vault.environ().has("ALL", &bytes).has(b"\xff\xfe-x", " spaces ").has("EMPTY", "").has("K", "v");
    }
}

#[test]
fn each_name_reaches_the_program_once() {
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).path("a").under(["python3", "-c", ODD_BLOCK]);
        let outcome = vault.environ().has("TWICE", "first").has("K", "v").lacks("VAULT_TOKEN").has("=C:", "x");
        outcome.stderr_is("");
        vault.args(["--on-conflict", "env"]).environ().has("K", "inherited");
    }
}

#[test]
fn entries_without_a_name_pass_byte_for_byte() {
    let nameless = [&b"no equals sign"[..], b"K", b"", b"=x", b"=", b"\xff\xfe", b"no equals sign"];
    for vault in TestVault::each() {
        let vault = vault.secret("a", [("k", "v")]).path("a").under(["python3", "-c", ODD_BLOCK]);
        let outcome = vault.environ().stderr_is("");
        let block = outcome.stdout.strip_suffix(b"\0").unwrap().split(|&byte| byte == 0);
        let kept: Vec<&[u8]> = block.filter(|entry| !entry.iter().skip(1).any(|&byte| byte == b'=')).collect();
        assert_eq!(kept, nameless, "{outcome}");
        vault.args(["--pristine"]).environ().has_only(["K=v"]);
    }
}

#[test]
fn on_duplicate_chooses_between_two_paths() {
    for vault in TestVault::each() {
        let version = if vault.is_kv1() { "" } else { " @1" };
        let vault = vault.secret("a", [("k", "a"), ("l", "a"), ("m", "a")]).secret("b", [("k", "b"), ("l", "b")]);
        let vault = vault.path("a").path("b");
        vault.clone().args(["--on-duplicate", "last"]).environ().has("K", "b").has("M", "a");
        let error = vault.args(["--on-duplicate", "error"]);
        error.clone().args(["--skip", "l"]).fails(&format!(
            "vault-exec: --on-duplicate error: K ({{kv}}/a#k{version}, {{kv}}/b#k{version})\n\
             hint: give the names of one path a prefix: --path DB_=secret/db\n"
        ));
        error.fails(&format!(
            "vault-exec: --on-duplicate error: K ({{kv}}/a#k{version}, {{kv}}/b#k{version}), \
             L ({{kv}}/a#l{version}, {{kv}}/b#l{version})\n\
             hint: give the names of one path a prefix: --path DB_=secret/db\n"
        ));
        let decided = error.clone().args(["--set", "K={{kv}/a#k}", "--set", "L=x"]);
        decided.environ().has("K", "a").has("L", "x");
        error.clone().path("a").args(["--skip", "k", "--skip", "l"]).environ().has("M", "a");
    }
}
