//! Many starts against a cluster, each with a login that only it can use: `make bench-scale`.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use serde_json::{Value, json};

use super::cluster::Cluster;
use crate::support::api::text;
use crate::support::process::requires_root;
use crate::support::scratch::new_dir;
use crate::support::wait::wait_until;

const AT_ONCE: usize = 64;

/// Over TLS, by a name with the addresses of all three nodes, each with a `secret_id` that is valid once.
#[test]
#[ignore = "root: makes mount namespaces"]
#[allow(clippy::print_stdout, reason = "prints a report")]
fn starts_at_once_against_a_cluster_all_succeed() {
    requires_root("this test makes mount namespaces");
    let starts = std::env::var("VAULT_EXEC_TEST_STARTS").map_or(3 * AT_ONCE, |number| number.parse().unwrap());
    let cluster = Cluster::start();
    let dir = new_dir("scale");
    let audit = dir.join("audit");
    // Like the answers of a name server, each begins with another node.
    for first in 0..3 {
        let hosts = (0..3).map(|next| format!("{} vault.test\n", cluster.nodes[(first + next) % 3].host));
        fs::write(dir.join(first.to_string()), hosts.collect::<String>()).unwrap();
    }
    let api = cluster.api();
    // All nodes append to one file.
    api.post("sys/audit/scale", &json!({"type": "file", "options": {"file_path": audit}}));
    api.post("auth/approle/role/once", &json!({"token_policies": ["app"], "secret_id_num_uses": 1}));
    api.post("auth/approle/role/once/role-id", &json!({"role_id": "once"}));
    let vault = cluster.at("vault.test").without("VAULT_TOKEN").env("VAULT_ROLE_ID", "once");
    let secret_ids = Mutex::new(Vec::new());
    let make_secret_id = || {
        let response = api.post("auth/approle/role/once/secret-id", &json!({}));
        secret_ids.lock().unwrap().push(text(&response["data"]["secret_id"]));
    };
    in_threads(starts, |_| {}, make_secret_id);
    // A standby rejects a secret_id that it has not heard of yet. It hears of everything in order.
    api.write_secret("written-last", &json!({"one": "1"}));
    for node in &cluster.nodes {
        let root = node.api(&cluster.root);
        wait_until("a node that knows the secret_ids", || root.status("secret/data/written-last") == Some(200));
    }

    let (times, repeated) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    let begin = Instant::now();
    let set_hosts = |thread: usize| bind_for_this_thread(&dir.join((thread % 3).to_string()), Path::new("/etc/hosts"));
    in_threads(starts, set_hosts, || {
        let secret_id = secret_ids.lock().unwrap().pop().unwrap();
        let mut command = vault.clone().env("VAULT_SECRET_ID", secret_id).command(["true"]);
        let start = Instant::now();
        let output = command.stdin(Stdio::null()).output().unwrap();
        times.lock().unwrap().push(start.elapsed());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{stderr}");
        repeated.fetch_add(usize::from(!stderr.is_empty()), Ordering::Relaxed);
    });
    let all = begin.elapsed();
    let shares = server_times(&fs::read_to_string(&audit).unwrap());
    assert_eq!(shares.len(), starts, "logins in the audit log");
    println!("{starts} starts, {AT_ONCE} at a time, all succeeded in {all:.1?}; {repeated:?} had to repeat a request");
    println!("a start:             {}", percentiles(times.into_inner().unwrap()));
    println!("the server's share:  {}", percentiles(shares));
}

/// Runs `action` so often, in [`AT_ONCE`] threads that ran `prepare` with their number.
fn in_threads(times: usize, prepare: impl Fn(usize) + Sync, action: impl Fn() + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let (next, prepare, action) = (&next, &prepare, &action);
            scope.spawn(move || {
                prepare(number);
                while next.fetch_add(1, Ordering::Relaxed) < times {
                    action();
                }
            });
        }
    });
}

/// Puts a file in the place of another one, for this thread and the processes that it starts.
fn bind_for_this_thread(file: &Path, over: &Path) {
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>).unwrap();
    mount(Some(file), over, None::<&str>, MsFlags::MS_BIND, None::<&str>).unwrap();
}

/// For each login: how long the server worked at it, at the read and the revocation, from the entry of the request to that of
/// the response. What is missing from a start's time is its own: process, TLS, and waiting for a connection.
fn server_times(audit: &str) -> Vec<Duration> {
    // A standby and the leader may both log a request: from the first entry to the last.
    let mut spans: HashMap<String, (SystemTime, SystemTime, String)> = HashMap::new();
    let mut logins = HashMap::new();
    for entry in audit.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let time = humantime::parse_rfc3339(entry["time"].as_str().unwrap()).unwrap();
        let (_, end, by) = spans.entry(text(&entry["request"]["id"])).or_insert((time, time, String::new()));
        *end = time;
        let issued = entry["response"]["auth"]["accessor"].as_str();
        if let Some(accessor) = issued.or(entry["auth"]["accessor"].as_str()) {
            accessor.clone_into(by);
        }
        if let Some(accessor) = issued {
            logins.insert(accessor.to_owned(), Duration::ZERO);
        }
    }
    for (begin, end, by) in spans.values() {
        if let Some(sum) = logins.get_mut(by) {
            *sum += end.duration_since(*begin).unwrap_or_default();
        }
    }
    logins.into_values().collect()
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:.1?}, p99 {:.1?}, longest {:.1?}", at(50), at(99), at(100))
}
