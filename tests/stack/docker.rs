//! Sentences about containers.
//!
//! ```text
//! let network = Network::new(&[]);
//! Container::of("redis:7").on(&network).run(&["redis-server", "--version"]).exits(0);
//! let running = Container::of("redis:7").start(&[]);
//! assert_eq!(running.top(), ["redis-server *:6379"]);
//! ```
//!
//! The engine is the machine's, or one that docker/local/engine.sh starts; the images are public ones that are there, or
//! those that docker/local/images.sh makes. Whatever is started here is removed when its value is dropped, and also when
//! this process ends in another way.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Where the repository is.
pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The settings of the engine, once it answers and has the images.
static CONFIG: LazyLock<OsString> = LazyLock::new(|| {
    script("images.sh");
    script("engine.sh").into()
});

/// Calls a script that readies Docker, and gives what it printed.
fn script(name: &str) -> String {
    let output = Command::new(format!("{ROOT}/docker/local/{name}")).stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{name} failed");
    String::from_utf8(output.stdout).unwrap().trim_end().into()
}

/// What came of a call of docker.
pub(crate) struct Outcome {
    call: String,
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    /// Ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code of {self}");
        self
    }

    /// Standard error has this text.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} in {self}");
        self
    }

    /// Standard output is this text and nothing else.
    #[track_caller]
    pub(crate) fn stdout_is(self, text: &str) -> Self {
        assert_eq!(self.stdout, text, "standard output of {self}");
        self
    }

    /// Standard output has this line.
    #[track_caller]
    pub(crate) fn prints(self, line: &str) -> Self {
        assert!(self.stdout.lines().any(|printed| printed == line), "{line:?} in {self}");
        self
    }
}

/// The whole of it, for whoever has to find out why a test failed.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\ncode: {:?}\nstdout: {}\nstderr: {}", self.call, self.code, self.stdout, self.stderr)
    }
}

/// A call of docker that has not been made yet.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command
        .args(args)
        .env("DOCKER_CONFIG", &*CONFIG)
        .env("DOCKER_BUILDKIT", "1")
        .current_dir(ROOT)
        .stdin(Stdio::null());
    command
}

/// Makes a call, whatever comes of it.
pub(crate) fn call(mut command: Command) -> Outcome {
    let output = command.output().unwrap();
    Outcome {
        call: format!("{command:?}"),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into(),
        stderr: String::from_utf8_lossy(&output.stderr).into(),
    }
}

/// Calls docker, which must work, and gives what it printed.
#[track_caller]
pub(crate) fn docker(args: &[&str]) -> String {
    call(command(args)).exits(0).stdout.trim_end().into()
}

/// A name that nothing else on this engine has.
pub(crate) fn unique() -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    format!("vault-exec-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Waits until this is true.
#[track_caller]
pub(crate) fn eventually(what: &str, patience: Duration, mut is_true: impl FnMut() -> bool) {
    let end = Instant::now() + patience;
    while !is_true() {
        assert!(Instant::now() < end, "not within {patience:?}: {what}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// Cleans up when it is dropped. It is a shell that waits for the end of its standard input, which comes however this
/// process ends; what is still in use then is tried again.
pub(crate) struct Janitor(Child);

impl Janitor {
    /// This call will be made.
    pub(crate) fn will(call: &Command) -> Self {
        let mut shell = Command::new("sh");
        shell
            .args(["-c", r#"read -r _; for _ in 1 2 3 4 5; do "$@" && exit; sleep 1; done"#, "sh"])
            .arg(call.get_program())
            .args(call.get_args())
            .envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))))
            .current_dir(ROOT)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        Self(shell.spawn().unwrap())
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// An image built for a test.
pub(crate) struct Image {
    pub(crate) tag: String,
    _janitor: Janitor,
}

impl Image {
    /// Builds with these options; the last one is the context.
    #[track_caller]
    pub(crate) fn build(options: &[&str]) -> Self {
        let tag = unique();
        docker(&[&["build", "--quiet", "--tag", &tag], options].concat());
        Self { _janitor: Janitor::will(&command(&["image", "rm", &tag])), tag }
    }
}

/// A network of a test's own.
pub(crate) struct Network {
    name: String,
    _janitor: Janitor,
}

impl Network {
    /// Made with these options.
    pub(crate) fn new(options: &[&str]) -> Self {
        let name = unique();
        docker(&[&["network", "create"], options, &[&name]].concat());
        Self { _janitor: Janitor::will(&command(&["network", "rm", &name])), name }
    }
}

/// How a container is started.
#[derive(Clone)]
#[must_use = "nothing is started yet"]
pub(crate) struct Container {
    image: String,
    options: Vec<String>,
}

impl Container {
    /// From this image.
    pub(crate) fn of(image: &str) -> Self {
        Self { image: image.into(), options: Vec::new() }
    }

    /// With these options of `docker run`.
    pub(crate) fn options(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().copied().map(Into::into));
        self
    }

    /// With this variable.
    pub(crate) fn env(self, name: &str, value: &str) -> Self {
        self.options(&["--env", &format!("{name}={value}")])
    }

    /// In this network.
    pub(crate) fn on(self, network: &Network) -> Self {
        self.options(&["--network", &network.name])
    }

    /// With nothing that a program under vault-exec does not need.
    pub(crate) fn hardened(self) -> Self {
        let flags = ["--read-only", "--user=65534:65534", "--cap-drop=ALL", "--security-opt=no-new-privileges"];
        self.options(&flags)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, program: &[&str]) -> Outcome {
        let running = Running::soon();
        call(self.command(&["run", "--name", &running.name], program))
    }

    /// Starts it in the background.
    #[track_caller]
    pub(crate) fn start(&self, program: &[&str]) -> Running {
        let running = Running::soon();
        call(self.command(&["run", "--detach", "--name", &running.name], program)).exits(0);
        running
    }

    fn command(&self, run: &[&str], program: &[&str]) -> Command {
        let mut command = command(run);
        command.args(&self.options).arg(&self.image).args(program);
        command
    }
}

/// A container that was started.
pub(crate) struct Running {
    pub(crate) name: String,
    _janitor: Janitor,
}

impl Running {
    fn soon() -> Self {
        let name = unique();
        Self { _janitor: Janitor::will(&command(&["rm", "--force", "--volumes", &name])), name }
    }

    /// The command lines in it, as the engine sees them.
    pub(crate) fn top(&self) -> Vec<String> {
        let table = docker(&["top", &self.name, "-o", "pid,args"]);
        let line = |line: &str| line.trim().split_once(' ').unwrap().1.trim().into();
        table.lines().skip(1).map(line).collect()
    }

    /// Everything it wrote.
    pub(crate) fn logs(&self) -> String {
        let Outcome { stdout, stderr, .. } = call(command(&["logs", &self.name]));
        stdout + &stderr
    }

    /// Waits until it wrote this.
    #[track_caller]
    pub(crate) fn wrote(&self, text: &str) -> &Self {
        eventually(text, Duration::from_mins(1), || self.logs().contains(text));
        self
    }

    /// Waits for its end and gives its code.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        docker(&["wait", &self.name])
    }

    /// Calls a program in it.
    pub(crate) fn exec(&self, options: &[&str], program: &[&str]) -> Outcome {
        call(command(&[&["exec"], options, &[&self.name], program].concat()))
    }
}
