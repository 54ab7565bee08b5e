//! Tests of docker/kubernetes that need no cluster; scripts/manifests.sh validates the manifests.

use crate::docker::{Container, Image, Janitor, ROOT, command, docker, unique};

#[test]
fn the_init_container_brings_the_binary_along() {
    let installer = Image::build(&["--file=docker/Dockerfile", "--target=installer", "."]);
    let volume = unique();
    docker(&["volume", "create", &volume]);
    let _janitor = Janitor::will(&command(&["volume", "rm", &volume]));
    let mounted = format!("{volume}:/vault-exec");
    // As in backend.yaml; a new volume of Docker's belongs to root, an emptyDir does not.
    let pod = |image: &str| Container::of(image).hardened().options(&["--user=0", "--volume", &mounted]);
    pod(&installer.tag).run(&["/vault-exec/vault-exec"]).exits(0);
    let version = format!("vault-exec {}", env!("CARGO_PKG_VERSION"));
    pod("debian:bookworm-slim").run(&["/vault-exec/vault-exec", "--version"]).exits(0).prints(&version);
}

#[test]
fn the_role_lets_one_service_account_in() {
    let script = "account=/var/run/secrets/kubernetes.io/serviceaccount
        mkdir -p $account && echo token >$account/token && cp /ca.pem $account/ca.crt
        export VAULT_ADDR=http://127.0.0.1:8200 VAULT_TOKEN=root
        bao server -dev -dev-no-store-token -dev-root-token-id=root >/dev/null 2>&1 &
        until bao status; do sleep 0.1; done
        for time in first second; do sh /docker/kubernetes/setup.sh shop || exit; done
        bao read auth/kubernetes/role/backend && bao policy read backend-policy";
    let ca = std::env::temp_dir().join(unique());
    let authority = rcgen::generate_simple_self_signed(["kubernetes".to_owned()]).unwrap();
    std::fs::write(&ca, authority.cert.pem()).unwrap();
    let (files, ca_file) = (format!("{ROOT}/docker:/docker:ro"), format!("{}:/ca.pem:ro", ca.display()));
    let options = ["--user=0", "--entrypoint=sh", "--volume", &files, "--volume", &ca_file];
    let outcome = Container::of("openbao/openbao:2.7.2").options(&options).run(&["-c", script]);
    std::fs::remove_file(ca).unwrap();
    let outcome = outcome.exits(0);
    let role: Vec<_> =
        outcome.stdout.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "audience vault",
        "bound_service_account_names [backend]",
        "bound_service_account_namespaces [shop]",
        "token_policies [backend-policy]",
        "path \"secret/data/backend\" {",
    ] {
        assert!(role.iter().any(|told| told == line), "{line} in {outcome}");
    }
}
