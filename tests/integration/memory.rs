//! What is in memory when the program is about to start, and what others can see of it until then.
//!
//! vault-exec is stopped where it enters `execve`, and every byte it has is searched.
#![allow(unsafe_code, reason = "the traced process asks for it between fork and exec; registers come by address")]

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::bed::{Bed, new_dir, vault_exec};
use crate::fake_vault::{FakeVault, Reply, Running, TOKEN, needs_root, secret_body};
use crate::hostile::Certificate;
use crate::shape_real::Memory;

/// The shortest part of a secret that counts as a copy of it. Nothing random of this length is anywhere by chance.
const PIECE: usize = 12;

/// The process where it hands everything to the kernel.
struct Stopped {
    /// Each stretch of memory without a gap, its address and what it is.
    memory: Vec<(u64, String, Vec<u8>)>,
    registers: Vec<u8>,
    /// The numbers of the system calls on the way.
    calls: Vec<u64>,
    /// What the program wrote when it was let go.
    stdout: Vec<u8>,
    stderr: String,
}

/// Bytes in memory that were part of a secret.
struct Copy {
    address: u64,
    whose: String,
    length: usize,
    before: Vec<u8>,
    after: Vec<u8>,
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, whose, length, before, after } = self;
        write!(f, "{length} bytes at {address:#x} in {whose}, ")?;
        write!(f, "between {:?} and {:?}", before.escape_ascii().to_string(), after.escape_ascii().to_string())
    }
}

impl Stopped {
    /// Runs until the program would start, which then prints its environment.
    fn on(bed: &Bed) -> Self {
        needs_root();
        let mut command = bed.command(["cat", "/proc/self/environ"]);
        // SAFETY: a single system call, which is async-signal-safe.
        unsafe { command.pre_exec(|| Ok(ptrace::traceme()?)) };
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a traced child");
        let pid = Pid::from_raw(child.id().try_into().expect("a process id"));
        let first = waitpid(pid, None).expect("a stop");
        assert!(matches!(first, WaitStatus::Stopped(_, Signal::SIGTRAP)), "{first:?}");
        ptrace::setoptions(pid, Options::PTRACE_O_TRACESYSGOOD | Options::PTRACE_O_EXITKILL).expect("options");

        let calls = run_to_execve(pid).unwrap_or_else(|calls| {
            let mut text = String::new();
            let _ = child.stderr.take().expect("a pipe").read_to_string(&mut text);
            panic!("it never came to execve, after {calls} calls: {text}")
        });
        let (memory, registers) = (memory(pid), registers(pid));
        ptrace::detach(pid, None).expect("let go");
        let output = child.wait_with_output().expect("the program ends");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Self { memory, registers, calls, stdout: output.stdout, stderr }
    }

    /// Every stretch of memory that is a part of the secret, of at least [`PIECE`] bytes.
    fn copies(&self, secret: &[u8]) -> Vec<Copy> {
        let pieces: HashSet<&[u8]> = secret.windows(PIECE).collect();
        let mut begins = vec![false; 1 << 16];
        for piece in &pieces {
            begins[usize::from(piece[0]) << 8 | usize::from(piece[1])] = true;
        }
        let mut copies = Vec::new();
        for (start, whose, bytes) in &self.memory {
            let mut at = 0;
            while at + PIECE <= bytes.len() {
                let is_piece = |at: usize| {
                    bytes.get(at..at + PIECE).is_some_and(|piece| {
                        begins[usize::from(piece[0]) << 8 | usize::from(piece[1])] && pieces.contains(piece)
                    })
                };
                if !is_piece(at) {
                    at += 1;
                    continue;
                }
                let begin = at;
                while is_piece(at) {
                    at += 1;
                }
                let end = at + PIECE - 1;
                copies.push(Copy {
                    address: start + begin as u64,
                    whose: whose.clone(),
                    length: end - begin,
                    before: bytes[begin.saturating_sub(24)..begin].to_vec(),
                    after: bytes[end..bytes.len().min(end + 24)].to_vec(),
                });
                at = end;
            }
        }
        copies
    }

    /// The secret is there once, whole, in the string that becomes this variable; and the program got it.
    #[track_caller]
    fn holds_once(&self, name: &str, secret: &[u8]) -> &Self {
        let copies = self.copies(secret);
        let listed: Vec<_> = copies.iter().map(ToString::to_string).collect();
        let [copy] = copies.as_slice() else { panic!("{} copies of {name}: {listed:#?}", copies.len()) };
        let is_entry = copy.before.ends_with(format!("{name}=").as_bytes()) && copy.after.starts_with(b"\0");
        assert!(copy.length == secret.len() && is_entry, "{name}: {copy}");
        self.registers_lack(secret);

        let entry = [name.as_bytes(), b"=", secret].concat();
        assert!(self.stdout.split(|&byte| byte == 0).any(|other| other == entry), "the program did not get {name}");
        self
    }

    /// No part of it is left.
    #[track_caller]
    fn lacks(&self, secret: &[u8]) -> &Self {
        let listed: Vec<_> = self.copies(secret).iter().map(ToString::to_string).collect();
        assert!(listed.is_empty(), "{} copies of what should be gone: {listed:#?}", listed.len());
        self.registers_lack(secret);
        self
    }

    /// A register takes eight bytes, or sixteen where a vector is copied.
    #[track_caller]
    fn registers_lack(&self, secret: &[u8]) {
        let pieces: HashSet<&[u8]> = secret.windows(8).collect();
        let found = self.registers.windows(8).position(|piece| pieces.contains(piece));
        assert_eq!(found, None, "a part of a secret in the registers, at this place of their dump");
    }
}

/// Lets it run to the entry of the first `execve` and gives the calls before it; their number where it ended instead.
fn run_to_execve(pid: Pid) -> Result<Vec<u64>, usize> {
    let mut calls = Vec::new();
    loop {
        ptrace::syscall(pid, None).expect("go on");
        match waitpid(pid, None).expect("a stop") {
            WaitStatus::PtraceSyscall(_) => {}
            WaitStatus::Stopped(_, signal) => panic!("an unexpected {signal}"),
            _ => return Err(calls.len()),
        }
        let info = ptrace::syscall_info(pid).expect("the system call");
        if info.op != libc::PTRACE_SYSCALL_INFO_ENTRY {
            continue;
        }
        // SAFETY: the kernel has said which part of the union it filled in.
        let call = unsafe { info.u.entry }.nr;
        if call == libc::SYS_execve.unsigned_abs() {
            return Ok(calls);
        }
        calls.push(call);
    }
}

/// All that can be read, neighbours joined so that nothing hides across a border.
fn memory(pid: Pid) -> Vec<(u64, String, Vec<u8>)> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the mappings");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("the memory: this test needs CAP_SYS_PTRACE");
    let mut stretches: Vec<(u64, String, Vec<u8>)> = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (Some(range), Some(rights)) = (fields.next(), fields.next()) else { panic!("{line}") };
        // The kernel's own data, which no process can write.
        if !rights.starts_with('r') || line.ends_with("[vvar]") || line.ends_with("[vvar_vclock]") {
            continue;
        }
        let bound = |text: &str| u64::from_str_radix(text, 16).unwrap_or_else(|error| panic!("{line}: {error}"));
        let (start, end) = range.split_once('-').map(|(start, end)| (bound(start), bound(end))).expect("a range");
        let mut bytes = vec![0; usize::try_from(end - start).expect("a size")];
        memory.read_exact_at(&mut bytes, start).unwrap_or_else(|error| panic!("{line}: {error}"));
        match stretches.last_mut() {
            Some((first, whose, before)) if *first + before.len() as u64 == start => {
                before.extend(bytes);
                *whose = format!("{whose}; {line}");
            }
            _ => stretches.push((start, line.to_owned(), bytes)),
        }
    }
    assert!(stretches.iter().any(|(_, whose, _)| whose.contains("[stack]")), "{maps}");
    stretches
}

/// General and vector registers as the kernel dumps them.
fn registers(pid: Pid) -> Vec<u8> {
    const NT_X86_XSTATE: libc::c_int = 0x202;
    let vectors = if cfg!(target_arch = "x86_64") { NT_X86_XSTATE } else { libc::NT_PRFPREG };
    let mut dump = Vec::new();
    for set in [libc::NT_PRSTATUS, vectors] {
        let mut bytes = vec![0_u8; 16 * 1024];
        let mut area = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: the kernel writes at most `iov_len` bytes and says in it how many.
        let result = unsafe { libc::ptrace(libc::PTRACE_GETREGSET, pid.as_raw(), set, &raw mut area) };
        assert_eq!(result, 0, "register set {set:#x}: {}", std::io::Error::last_os_error());
        dump.extend_from_slice(&bytes[..area.iov_len]);
    }
    dump
}

/// New for every run, so that no copy is from anywhere else.
fn random(length: usize) -> String {
    let mut bytes = vec![0; length];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).expect("random bytes");
    bytes.iter().map(|byte| char::from(b"abcdefghijklmnopqrstuvwxyzABCDEF"[usize::from(byte % 32)])).collect()
}

fn with(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect::<serde_json::Map<_, _>>().into()
}

/// With a token that was made for this run alone, and what it is.
fn with_own_token(bed: Bed) -> (Bed, String) {
    let token = random(32);
    let bed = bed.having("auth/token/create", &json!({"id": token, "policies": ["root"], "no_parent": true}));
    (bed.env("VAULT_TOKEN", token.as_str()), token)
}

#[test]
fn one_copy_of_each_secret_and_none_of_the_token() {
    for bed in Bed::each() {
        let (bed, token) = with_own_token(bed);
        let [user, password] = [random(32), random(32)];
        let bed = bed.secret("airflow", with(&[("user", &user), ("password", &password)])).path("airflow");
        let stopped = Stopped::on(&bed);
        stopped.holds_once("USER", user.as_bytes()).holds_once("PASSWORD", password.as_bytes()).lacks(token.as_bytes());
        assert_eq!(stopped.stderr, "");
    }
}

#[test]
fn the_same_for_several_paths_and_one_that_is_overridden() {
    for bed in Bed::each() {
        let (bed, token) = with_own_token(bed);
        let [lost, won, first, second] = [random(32), random(32), random(32), random(32)];
        let bed = bed
            .secret("first", with(&[("first", &first), ("both", &lost)]))
            .secret("second", with(&[("second", &second), ("both", &won)]));
        Stopped::on(&bed.path("first").path("second"))
            .holds_once("FIRST", first.as_bytes())
            .holds_once("SECOND", second.as_bytes())
            .holds_once("BOTH", won.as_bytes())
            .lacks(lost.as_bytes())
            .lacks(token.as_bytes());
    }
}

#[test]
fn the_same_for_what_is_left_out() {
    for bed in Bed::each() {
        let [taken, left, replaced] = [random(32), random(32), random(32)];
        let bed = bed.secret("app", with(&[("taken", &taken), ("left", &left), ("home", &replaced)])).path("app");
        Stopped::on(&bed.args(["--skip", "left", "--skip", "home"]))
            .holds_once("TAKEN", taken.as_bytes())
            .lacks(left.as_bytes())
            .lacks(replaced.as_bytes());
    }
}

#[test]
fn the_same_for_a_token_from_a_file() {
    for bed in Bed::each() {
        let (bed, token) = with_own_token(bed);
        let secret = random(32);
        let bed = bed.secret("app", with(&[("a", &secret)])).path("app").without("VAULT_TOKEN");
        let named = bed.clone().file("token", format!("{token}\n")).args(["--token-file", "{home}/token"]);
        Stopped::on(&named).holds_once("A", secret.as_bytes()).lacks(token.as_bytes());
        let at_home = bed.file(".vault-token", &token);
        Stopped::on(&at_home).holds_once("A", secret.as_bytes()).lacks(token.as_bytes());
    }
}

#[test]
fn the_same_for_a_token_in_the_variable_of_openbao() {
    let (bed, token) = with_own_token(Bed::kv2());
    let secret = random(32);
    let other = random(32);
    let bed = bed.secret("app", with(&[("a", &secret)])).path("app");
    let bed = bed.env("BAO_TOKEN", token.as_str()).env("VAULT_TOKEN", other.as_str());
    Stopped::on(&bed).holds_once("A", secret.as_bytes()).lacks(token.as_bytes()).lacks(other.as_bytes());
}

#[test]
fn the_same_after_a_first_try_that_failed() {
    let token = random(32);
    let secret = random(32);
    let fake = FakeVault::answering([Reply::status(503), Reply::closed(), Reply::secret(&[("a", &secret)])]);
    let stopped = Stopped::on(&fake.unwatched_bed().env("VAULT_TOKEN", token.as_str()));
    stopped.holds_once("A", secret.as_bytes()).lacks(token.as_bytes());
    assert_eq!(fake.requests().len(), 3);
}

#[test]
fn the_same_after_a_redirect() {
    let token = random(32);
    let secret = random(32);
    let active = FakeVault::answering([Reply::secret(&[("a", &secret)])]);
    let standby = FakeVault::answering([Reply::redirect(307, &format!("{}/v1/secret/data/app", active.url()))]);
    Stopped::on(&standby.unwatched_bed().env("VAULT_TOKEN", token.as_str()))
        .holds_once("A", secret.as_bytes())
        .lacks(token.as_bytes());
}

#[test]
fn the_same_for_a_body_in_small_chunks() {
    let secret = random(32);
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in secret_body(&[("a", &secret)]).as_bytes().chunks(20) {
        answer.extend([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
    }
    answer.extend(b"0\r\n\r\n");
    let fake = FakeVault::answering([Reply::raw(answer)]);
    Stopped::on(&fake.unwatched_bed()).holds_once("A", secret.as_bytes()).lacks(TOKEN.as_bytes());
}

#[test]
fn the_same_over_tls_and_with_a_name_to_look_up() {
    let [token, secret] = [random(32), random(32)];
    let certificate = Certificate::new("memory");
    let over_tls = FakeVault::answering_over_tls(certificate.config(), [Reply::secret(&[("a", &secret)])]);
    let by_name = FakeVault::answering([Reply::secret(&[("a", &secret)])]);
    for bed in [
        over_tls.unwatched_bed().env("VAULT_CACERT", &certificate.file),
        by_name.unwatched_bed().env("VAULT_ADDR", format!("http://localhost:{}", by_name.port())),
    ] {
        Stopped::on(&bed.env("VAULT_TOKEN", token.as_str())).holds_once("A", secret.as_bytes()).lacks(token.as_bytes());
    }
}

#[test]
fn the_same_for_long_values_and_for_values_with_escapes() {
    for bed in Bed::each() {
        let long = random(5 * 1024);
        let escaped = format!("{}\"\\\n<&>\u{e9}\u{2028}\u{1f511}{}\t{}", random(24), random(24), random(24));
        let object = format!(r#"{{"inner":"{}"}}"#, random(32));
        let keys = json!({"long": long, "escaped": escaped, "object": {"inner": &object[10..42]}});
        let bed = bed.secret("app", keys).path("app");
        Stopped::on(&bed)
            .holds_once("LONG", long.as_bytes())
            .holds_once("ESCAPED", escaped.as_bytes())
            .holds_once("OBJECT", object.as_bytes());
    }
}

#[test]
fn the_same_when_the_story_is_told() {
    let (bed, token) = with_own_token(Bed::kv2());
    let secret = random(32);
    for voice in ["text", "json"] {
        let bed = bed.clone().secret("app", with(&[("a", &secret)])).path("app").args(["-vv", "--log-format", voice]);
        Stopped::on(&bed).holds_once("A", secret.as_bytes()).lacks(token.as_bytes());
    }
}

#[test]
fn the_same_for_a_value_that_was_composed() {
    for bed in Bed::each() {
        let (bed, token) = with_own_token(bed);
        // Each part is as it is when it is encoded for a URL, or is not at all.
        let [user, password, other] = [random(32), format!("{}@:/{}", random(24), random(24)), random(48)];
        let bed = bed
            .secret("db", with(&[("user", &user), ("password", &password), ("other", &other)]))
            .path("db")
            .args(["--explicit", "--set", "URL=pg://{user|url}:{password|url}@db", "--set", "B={other|base64}"]);
        let url = format!("pg://{user}:{}@db", password.replace('@', "%40").replace(':', "%3A").replace('/', "%2F"));
        let stopped = Stopped::on(&bed);
        stopped
            .holds_once("URL", url.as_bytes())
            .holds_once("B", STANDARD.encode(&other).as_bytes())
            .lacks(other.as_bytes())
            .lacks(token.as_bytes());
        // The parts of the password that need no encoding are in the composed value, and nowhere else.
        assert_eq!(stopped.copies(user.as_bytes()).len(), 1);
        let pieces: Vec<_> = stopped.copies(password.as_bytes()).iter().map(|copy| copy.length).collect();
        assert_eq!(pieces, [24, 24], "the plain password");
        assert_eq!(stopped.stderr, "");
    }
}

#[test]
fn the_same_for_parts_that_are_variables_too() {
    let (bed, token) = with_own_token(Bed::kv2());
    let [user, password] = [random(32), random(48)];
    let bed = bed.secret("db", with(&[("user", &user), ("password", &password)])).path("db");
    let bed = bed.args(["--set", "B={user|base64}", "--set", "PGPASSWORD={password}", "--skip", "password"]);
    Stopped::on(&bed)
        .holds_once("USER", user.as_bytes())
        .holds_once("B", STANDARD.encode(&user).as_bytes())
        .holds_once("PGPASSWORD", password.as_bytes())
        .lacks(token.as_bytes());
}

#[test]
fn what_is_in_a_file_is_in_no_memory_of_the_process() {
    let (bed, token) = with_own_token(Bed::kv2());
    let [password, long] = [random(48), random(5 * 1024)];
    let bed = bed.secret("db", with(&[("password", &password), ("long", &long)])).path("db");
    let directory = Memory::new();
    let in_memory = ["--explicit", "--file", "PGPASSFILE=*:*:*:*:{password}\n", "--file", "F={password|base64}{long}"];
    let in_directory = [&in_memory[..], &["--file-dir", directory.path()]].concat();
    for args in [&in_memory[..], &in_directory] {
        let stopped = Stopped::on(&bed.clone().args(args.iter().copied()));
        stopped
            .lacks(password.as_bytes())
            .lacks(long.as_bytes())
            .lacks(STANDARD.encode(&password).as_bytes())
            .lacks(token.as_bytes());
        let named = stopped.stdout.split(|&byte| byte == 0).any(|entry| entry.starts_with(b"PGPASSFILE=/"));
        assert!(named, "the program did not get the file");
    }
}

#[test]
fn a_token_that_is_kept_is_there_once() {
    let (bed, token) = with_own_token(Bed::kv2());
    let secret = random(32);
    let bed = bed.secret("app", with(&[("a", &secret)])).path("app").args(["--keep-token"]);
    Stopped::on(&bed).holds_once("A", secret.as_bytes()).holds_once("VAULT_TOKEN", token.as_bytes());
}

#[test]
fn an_address_needs_no_thread_from_beginning_to_end() {
    let threads = [libc::SYS_clone, libc::SYS_clone3].map(|call: libc::c_long| call.unsigned_abs());
    let fake = FakeVault::answering([Reply::secret(&[("a", &random(32))])]);
    let stopped = Stopped::on(&fake.unwatched_bed());
    assert!(!stopped.calls.iter().any(|call| threads.contains(call)), "{:?}", stopped.calls);
}

#[test]
fn other_processes_see_no_credential_while_it_waits() {
    let fake = FakeVault::answering([Reply::silence()]);
    let [secret_id, jwt, password, own] = [random(32), random(32), random(32), random(32)];
    let bed = fake
        .unwatched_bed()
        .env("BAO_TOKEN", TOKEN)
        .env("VAULT_SECRET_ID", secret_id.as_str())
        .env("VAULT_JWT", jwt.as_str())
        .env("VAULT_PASSWORD", password.as_str())
        .env("VAULT_EXEC_PREFIX", own.as_str())
        .env("LANG", "C.UTF-8");
    let running = Running::start(bed.command(["true"]));
    fake.await_requests(1);
    let [environ, line] = ["environ", "cmdline"].map(|name| {
        let bytes = fs::read(format!("/proc/{}/{name}", running.pid())).expect("as root");
        String::from_utf8(bytes).expect("text")
    });
    for secret in [TOKEN, &secret_id, &jwt, &password, &own] {
        for text in [&environ, &line] {
            let found =
                secret.as_bytes().windows(PIECE).any(|piece| text.as_bytes().windows(PIECE).any(|at| at == piece));
            assert!(!found, "{text:?}");
        }
    }
    for kept in ["LANG=C.UTF-8".to_owned(), format!("VAULT_ADDR={}", fake.url())] {
        assert!(environ.split('\0').any(|entry| entry == kept), "no {kept} in {environ:?}");
    }
}

/// A copy of the program under test that every user may execute: cargo's folder may be for one user alone.
fn for_everyone() -> PathBuf {
    let folder = new_dir("for-everyone");
    let copy = folder.join("vault-exec");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("rights");
    fs::copy(vault_exec(), &copy).expect("a copy");
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("rights");
    copy
}

const NOBODY: u32 = 65534;

/// Started by an ordinary user.
fn as_nobody(program: &Path) -> Command {
    needs_root();
    let mut command = Command::new(program);
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir("/").uid(NOBODY).gid(NOBODY);
    command
}

#[test]
fn not_even_the_same_user_can_look_into_it() {
    let fake = FakeVault::answering([Reply::silence()]);
    let program = for_everyone();
    let mut command = as_nobody(&program);
    command.args(["--path", "secret/app", "--", "true"]).env("VAULT_ADDR", fake.url()).env("VAULT_TOKEN", TOKEN);
    let running = Running::start(command);
    fake.await_requests(1);

    let process = format!("/proc/{}", running.pid());
    for name in ["environ", "mem", "maps"] {
        let owner = fs::metadata(format!("{process}/{name}")).expect("the process lives").uid();
        assert_eq!(owner, 0, "a dumpable process would leave {name} to its user");
    }
    for name in ["environ", "maps"] {
        let mut cat = as_nobody(Path::new("/bin/cat"));
        let output = cat.arg(format!("{process}/{name}")).output().expect("cat");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && output.stdout.is_empty(), "{name} was read");
        assert!(stderr.contains("Permission denied"), "{stderr}");
    }
}

#[test]
fn the_program_is_dumpable_again() {
    let fake = FakeVault::answering([Reply::secret(&[("a", "b")])]);
    let program = for_everyone();
    let mut command = as_nobody(&program);
    command.args(["--path", "secret/app", "--", "cat", "/proc/self/environ"]);
    command.env("VAULT_ADDR", fake.url()).env("VAULT_TOKEN", TOKEN);
    let (status, stdout, stderr) = Running::start(command).end();
    assert_eq!((status.code(), stderr.as_str()), (Some(0), ""));
    assert!(stdout.split('\0').any(|entry| entry == "A=b"), "{stdout:?}");
}

#[test]
fn no_core_file_is_written_until_the_program_starts() {
    let fake = FakeVault::answering([Reply::silence()]);
    let bed = fake.unwatched_bed().under(["prlimit", "--core=4096:8192"]);
    let running = Running::start(bed.command(["true"]));
    fake.await_requests(1);
    assert_eq!(
        core_limit(&fs::read_to_string(format!("/proc/{}/limits", running.pid())).expect("limits")),
        ["0", "8192"]
    );

    let fake = FakeVault::answering([Reply::secret(&[("a", "b")])]);
    let outcome =
        fake.unwatched_bed().under(["prlimit", "--core=4096:8192"]).run(["cat", "/proc/self/limits"]).exits(0);
    assert_eq!(core_limit(&String::from_utf8_lossy(&outcome.stdout)), ["4096", "8192"]);
}

/// The soft and the hard limit.
fn core_limit(limits: &str) -> [String; 2] {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).expect("the limit");
    let mut fields = line.split_whitespace().map(str::to_owned);
    [fields.next(), fields.next()].map(|field| field.expect("a limit"))
}
