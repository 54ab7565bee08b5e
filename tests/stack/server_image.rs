//! The scripts of docker/ with an image whose program is called `vault`, as in the image of `HashiCorp`, which is not tried.

use crate::compose::Compose;
use crate::docker::{Image, docker};

#[test]
fn the_scripts_run_with_an_image_that_has_no_bao() {
    let image = Image::build(&["--target", "vault", "--build-arg", "VAULT_EXEC=scratch", "tests/stack"]);
    let development = Compose::new("compose.yaml", &[("SERVER_IMAGE", &image.tag), ("VAULT_PORT", "0")]);
    development.ok(&["up", "--detach", "--quiet-pull", "vault-init"]);
    assert_eq!(docker(&["wait", &development.container("vault-init")]), "0");
    for question in ["vault policy read airflow-policy", "vault kv get -mount=secret airflow", "! which bao"] {
        development.ok(&["exec", "-T", "vault", "sh", "-c", question]);
    }
    // Production's nodes need what only OpenBao has, but its certificates come from the server's own engine.
    let production = Compose::new("compose.prod.yaml", &[("SERVER_IMAGE", &image.tag)]);
    let made = production.ok(&["run", "--rm", "-T", "pki"]);
    assert!(made.ends_with("pki: a certificate for snapshot"), "{made}");
}
