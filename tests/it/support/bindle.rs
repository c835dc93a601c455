//! Real Bindle servers, built on demand and run in a sealed environment.
//!
//! Everything here is synchronous, so that dropping a server can stop it properly, and so that this file can also be
//! included by an example. It depends on nothing that only a test has.

#![allow(dead_code, reason = "each program that includes this file needs a part of it")]

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use bindle::signature::{KeyEntry, KeyRing, SecretKeyEntry, SecretKeyFile};
use bindle::{Invoice, SignatureRole};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// How long a server may take to answer; it takes milliseconds unless the machine is overloaded.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// How long a server may take to end after SIGINT before it is killed.
const STOP_DEADLINE: Duration = Duration::from_secs(10);
/// How many ports are tried before giving up.
const PORT_ATTEMPTS: usize = 20;
/// Ports below those the system gives to outgoing connections, so that none of these takes a port between two starts.
const FIRST_PORT: u16 = 20_000;
const PORT_COUNT: u16 = 12_000;
/// How much of a failed build's output is shown.
const BUILD_OUTPUT_LINES: usize = 40;

/// The two kinds of Bindle server there are in the wild; they treat signatures in opposite ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// Bindle 0.8.2: takes unsigned invoices. Hippo was shipped with it.
    V0_8,
    /// Bindle 0.9.1: refuses unsigned invoices.
    V0_9,
}

impl Generation {
    fn program(self) -> &'static str {
        match self {
            Self::V0_8 => "bindle-server-0-8",
            Self::V0_9 => "bindle-server-0-9",
        }
    }
}

/// How a server shall be set up, made by [`BindleServer::builder`].
#[derive(Debug)]
pub struct Builder {
    generation: Generation,
    users: Vec<String>,
    keyring: Option<String>,
    strategy: Option<String>,
}

impl Builder {
    /// Demands Basic authentication for everything but reading, and knows this user.
    pub fn htpasswd(mut self, user: &str, password: &str) -> Self {
        self.users.push(format!("{user}:{password}"));
        self
    }

    /// Trusts the keys of a keyring, given as TOML text.
    pub fn trust(mut self, keyring: &str) -> Self {
        self.keyring = Some(keyring.to_owned());
        self
    }

    /// Verifies invoices by the strategy of this name (0.9 only).
    pub fn strategy(mut self, strategy: &str) -> Self {
        self.strategy = Some(strategy.to_owned());
        self
    }

    /// Starts the server and waits until it answers. Builds the programs first if need be.
    pub fn start(self) -> BindleServer {
        let sandbox = TempDir::with_prefix("bindle-server-").expect("a temporary folder");
        let mut server = BindleServer {
            program: programs().join(self.generation.program()),
            arguments: self.arguments(sandbox.path()),
            directory: sandbox.path().join("store"),
            sandbox,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            url: String::new(),
            child: None,
        };
        for _ in 0..PORT_ATTEMPTS {
            server.move_to(free_port());
            match server.launch() {
                Ok(()) => return server,
                Err(StartError::AddressInUse) => continue,
                Err(StartError::Other(message)) => panic!("{message}"),
            }
        }
        panic!("no free port for a Bindle server after {PORT_ATTEMPTS} attempts");
    }

    /// The arguments that are the same for every start, with the files they name written.
    fn arguments(&self, sandbox: &Path) -> Vec<OsString> {
        let mut arguments = Vec::new();
        for user in &self.users {
            arguments.extend(["--user".into(), user.into()]);
        }
        if let Some(text) = &self.keyring {
            let path = sandbox.join("keyring.toml");
            std::fs::write(&path, text).expect("the keyring can be written");
            arguments.extend(["--keyring".into(), path.into()]);
        }
        if let Some(strategy) = &self.strategy {
            arguments.extend(["--strategy".into(), strategy.into()]);
        }
        arguments
    }
}

/// Why a server did not come up.
#[derive(Debug)]
enum StartError {
    /// Somebody else has the port; another one may do.
    AddressInUse,
    /// Nothing that a further attempt would cure.
    Other(String),
}

/// A Bindle server with a store of its own. Dropping it stops it and removes the store.
#[derive(Debug)]
pub struct BindleServer {
    program: PathBuf,
    arguments: Vec<OsString>,
    directory: PathBuf,
    sandbox: TempDir,
    address: SocketAddr,
    url: String,
    child: Option<Child>,
}

impl BindleServer {
    /// Begins the set-up of a server; [`Builder::start`] ends it.
    pub fn builder(generation: Generation) -> Builder {
        Builder { generation, users: Vec::new(), keyring: None, strategy: None }
    }

    /// The base URL that clients are given, `http://127.0.0.1:PORT/v1`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the server listens; `/healthz` is outside of [`Self::url`].
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The folder of the store, so that a test can look at it or damage it.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Leaves the store as an upload that broke off does: a folder without a parcel in it.
    ///
    /// The server then answers 409 to every upload of this parcel, for ever.
    pub fn poison(&self, sha256: &str) {
        let folder = self.directory.join("parcels").join(sha256);
        std::fs::create_dir_all(folder).expect("a folder in the store can be made");
    }

    /// What the server has said on its standard error.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Ends the server with SIGINT and waits for it. The store stays.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        interrupt(&child);
        if wait_for_exit(&mut child, STOP_DEADLINE).is_none() {
            // It hangs on an open request, or was stopped already; neither may keep a test from ending.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stops the server and starts it again, with the same store at the same URL.
    pub fn restart(&mut self) {
        self.stop();
        if let Err(error) = self.launch() {
            panic!("the Bindle server did not come back at {}: {error:?}", self.url);
        }
    }

    fn move_to(&mut self, port: u16) {
        self.address.set_port(port);
        self.url = format!("http://{}/v1", self.address);
    }

    fn log_path(&self) -> PathBuf {
        self.sandbox.path().join("server.log")
    }

    /// Starts the program and waits until it answers.
    fn launch(&mut self) -> Result<(), StartError> {
        self.child = Some(self.spawn());
        let deadline = Instant::now() + START_DEADLINE;
        for pause in growing_pauses() {
            // Asked in this order, because somebody else's server may be the one that answers at this port.
            let answers = is_healthy(self.address);
            if let Some(status) = self.exit_status() {
                return Err(self.early_exit(status));
            }
            if answers {
                return Ok(());
            }
            if Instant::now() > deadline {
                break;
            }
            std::thread::sleep(pause);
        }
        Err(StartError::Other(format!(
            "the Bindle server at {} did not answer within {START_DEADLINE:?}: {}",
            self.url,
            self.log()
        )))
    }

    /// Runs the program with nothing of the developer's environment, and with a home of its own.
    fn spawn(&self) -> Child {
        let home = self.sandbox.path();
        let log = File::create(self.log_path()).expect("the server's log can be made");
        Command::new(&self.program)
            .args(["--address", &self.address.to_string()])
            .arg("--directory")
            .arg(&self.directory)
            .args(&self.arguments)
            .env_clear()
            .envs(["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "TMPDIR"].map(|name| (name, home)))
            .current_dir(home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the Bindle server can be started")
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        let child = self.child.as_mut()?;
        child.try_wait().expect("the server can be waited for")
    }

    fn early_exit(&mut self, status: ExitStatus) -> StartError {
        self.child = None;
        let log = self.log();
        if log.contains("Address already in use") {
            return StartError::AddressInUse;
        }
        StartError::Other(format!("the Bindle server ended at once ({status}): {log}"))
    }
}

impl Drop for BindleServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Sends SIGINT, the only signal that ends a Bindle server gracefully.
fn interrupt(child: &Child) {
    let id = i32::try_from(child.id()).expect("a process id fits");
    // It fails if the process has ended already, which is just as well.
    let _ = kill(Pid::from_raw(id), Signal::SIGINT);
}

fn wait_for_exit(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + patience;
    for pause in growing_pauses() {
        let status = child.try_wait().expect("the server can be waited for");
        if status.is_some() || Instant::now() > deadline {
            return status;
        }
        std::thread::sleep(pause);
    }
    None
}

/// Pauses for polling: short at first, because most things are done within milliseconds. They never end.
fn growing_pauses() -> impl Iterator<Item = Duration> {
    let longest = Duration::from_millis(100);
    std::iter::successors(Some(Duration::from_millis(2)), move |pause| Some((*pause * 2).min(longest)))
}

/// Whether `GET /healthz` answers 200. Written by hand, so that no HTTP client and no runtime is needed here.
fn is_healthy(address: SocketAddr) -> bool {
    ask_for_health(address).is_ok_and(|answer| {
        let status_line = answer.lines().next().unwrap_or_default();
        status_line.contains(" 200 ")
    })
}

fn ask_for_health(address: SocketAddr) -> std::io::Result<String> {
    let patience = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    write!(stream, "GET /healthz HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A port that is free now. No port is handed out twice in a process, and processes begin at different ones.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..PORT_COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = begin.wrapping_add(step) % u32::from(PORT_COUNT);
        let port = FIRST_PORT + u16::try_from(offset).expect("smaller than the number of ports");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no free port for a Bindle server");
}

/// A key that signs invoices as their creator, and the keyring by which a server trusts it.
#[derive(Debug)]
pub struct CreatorKey {
    secret: SecretKeyEntry,
}

impl CreatorKey {
    /// Makes a new key; the label names its owner.
    pub fn generate(label: &str) -> Self {
        Self { secret: SecretKeyEntry::new(label, vec![SignatureRole::Creator]) }
    }

    /// The text of a secret key file, as a client reads it.
    pub fn secret_file(&self) -> String {
        let mut file = SecretKeyFile::default();
        file.key.push(self.secret.clone());
        toml::to_string(&file).expect("a secret key file is plain TOML")
    }

    /// Writes [`Self::secret_file`] to a path, for its owner alone.
    pub fn write_secret_file(&self, path: &Path) {
        std::fs::write(path, self.secret_file()).expect("the key file can be written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, private).expect("it is ours");
    }

    /// The text of a keyring with this key alone, for [`Builder::trust`].
    pub fn keyring(&self) -> String {
        let entry = KeyEntry::try_from(&self.secret).expect("a new key is sound");
        toml::to_string(&KeyRing::new(vec![entry])).expect("a keyring is plain TOML")
    }

    /// Signs an invoice as its creator.
    pub fn sign(&self, invoice: &mut Invoice) {
        invoice.sign(SignatureRole::Creator, &self.secret).expect("a new key can sign");
    }
}

/// The folder with the server programs, which are built on the first call.
///
/// A failed build fails whoever asks: a test against a real server is never skipped.
fn programs() -> &'static Path {
    static PROGRAMS: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    match PROGRAMS.get_or_init(build_programs) {
        Ok(folder) => folder,
        Err(message) => panic!("{message}"),
    }
}

/// Builds the support package unless cargo finds that it is built already.
fn build_programs() -> Result<PathBuf, String> {
    let target = main_target_directory().join("bindle-server");
    let programs = target.join("debug");
    // Held until the end of this function, so that of several test processes one builds and the others wait.
    let _lock = exclusive_lock(&target)?;
    let complete =
        [Generation::V0_8, Generation::V0_9].iter().all(|generation| programs.join(generation.program()).exists());
    if !complete {
        announce_build();
    }
    run_build(&target)?;
    Ok(programs)
}

/// Tells why nothing happens for a while. Goes past the test harness, which would keep printed text to itself.
fn announce_build() {
    let _ = writeln!(
        std::io::stderr(),
        "building the Bindle test servers, this happens once and takes one to five minutes"
    );
}

fn exclusive_lock(folder: &Path) -> Result<File, String> {
    let lock = || {
        std::fs::create_dir_all(folder)?;
        let file = File::create(folder.join("build.lock"))?;
        file.lock()?;
        Ok(file)
    };
    lock().map_err(|error: std::io::Error| format!("cannot lock {}: {error}", folder.display()))
}

fn run_build(target: &Path) -> Result<(), String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/bindle-server");
    let mut command = Command::new(env!("CARGO"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| is_of_outer_build(name)) {
        command.env_remove(name);
    }
    let output = command
        .args(["build", "--locked", "--color", "never", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .current_dir(&package)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run cargo for the Bindle test servers: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    Err(format!("building the Bindle test servers failed ({}):\n{}", output.status, tail(&text)))
}

/// Whether a variable belongs to the build of the main package. Such a variable would make the inner cargo build
/// something else, or everything anew each time. What tells cargo how to reach the registry stays.
fn is_of_outer_build(name: &std::ffi::OsStr) -> bool {
    const KEPT: [&str; 6] =
        ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_BUILD_JOBS"];
    let name = name.to_string_lossy();
    let of_cargo =
        ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "LLVM_PROFILE_FILE"].iter().any(|prefix| name.starts_with(prefix));
    of_cargo && !KEPT.iter().any(|prefix| name.starts_with(prefix))
}

/// The last lines of a text.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(BUILD_OUTPUT_LINES)..].join("\n")
}

/// The target folder of the main package.
///
/// Derived from where this program lies, `<target>/<profile>/deps` or `<target>/<profile>/examples`, because that holds
/// for tests and examples alike, and whatever way the folder was chosen.
fn main_target_directory() -> PathBuf {
    let program = std::env::current_exe().expect("this program has a path");
    let target = program.ancestors().nth(3);
    target.expect("cargo puts programs three levels deep").to_owned()
}
