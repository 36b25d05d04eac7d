//! PostgreSQL.

use std::fs;
use std::io::Write;
use std::ops::Deref;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;

use crate::Kind;
use crate::kind::beside;
use crate::place::Place;
use crate::server::{Recipe, Server};
use crate::template::{self, Owner};

/// A PostgreSQL server, with crash safety as PostgreSQL promises it: `fsync` is on. Its user is a superuser and has a
/// password, which is asked for.
pub struct Postgres {
    server: Server,
    program: PathBuf,
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Postgres {
    /// The superuser.
    pub const USER: &str = "resilience";
    /// The superuser's password.
    pub const PASSWORD: &str = "open-sesame";
    /// The database that is there from the start.
    pub const DATABASE: &str = "postgres";

    /// Starts one with no data.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts one with these settings, such as `("fsync", "off")`.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        let program = Kind::Postgres.program().unwrap_or_else(|missing| panic!("{missing}"));
        let owner = owner();
        let place = Place::new();
        let name = format!("{}-1", version(&program)); // the number grows with a change of `init`
        let put =
            template::put(&name, &place.folder().join("data"), owner, |place| init(&program, place, owner));
        put.unwrap_or_else(|error| panic!("a folder for postgres: {error}"));
        let settings = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let recipe = PostgresRecipe { program: program.clone(), owner, settings };
        Self { server: Server::start(recipe, place), program }
    }

    /// Of the superuser, with the password.
    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// The same by way of another port, such as a proxy's.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://{}:{}@127.0.0.1:{port}/{}", Self::USER, Self::PASSWORD, Self::DATABASE)
    }

    /// `pg_ctl stop -m immediate`: it stops without writing what it holds in memory, and recovers at the next start.
    pub fn crash_stop(&self) {
        self.server.stop_by(Signal::QUIT);
    }

    /// Runs statements, each in its own transaction, and returns their rows: a line each, `|` between the columns.
    pub fn psql(&self, statements: &str) -> String {
        self.try_psql(statements).unwrap_or_else(|error| panic!("{error}"))
    }

    /// As [`psql`](Self::psql), with the server's words for what is wrong with the first statement that fails.
    pub fn try_psql(&self, statements: &str) -> Result<String, String> {
        let mut psql = Command::new(beside(&self.program, "psql").expect("it was there"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", &self.url()]);
        psql.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut psql = psql.spawn().expect("it starts");
        // One that has lost its server reads no more, and says so.
        let _ = psql.stdin.take().expect("a pipe").write_all(statements.as_bytes());
        let output = psql.wait_with_output().expect("it ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

struct PostgresRecipe {
    program: PathBuf,
    owner: Option<Owner>,
    settings: Vec<String>,
}

impl Recipe for PostgresRecipe {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn command(&self, folder: &Path, port: u16) -> Command {
        let mut command = as_owner(&self.program, self.owner);
        command.arg("-D").arg(folder.join("data"));
        let port = format!("port={port}");
        let ours = [
            "listen_addresses=127.0.0.1",
            &port,
            "unix_socket_directories=",
            // Shared memory in files of its folder goes with the folder.
            "dynamic_shared_memory_type=mmap",
            // After a crash it syncs the file system once, and not a thousand files one by one. Since PostgreSQL 14.
            "recovery_init_sync_method=syncfs",
        ];
        // The last of two of one name counts.
        for setting in ours.into_iter().chain(self.settings.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command
    }

    /// The first line of this file is the id of the server, the eighth its state: `pg_ctl` looks there too.
    fn answers(&self, folder: &Path, _: u16, id: u32) -> bool {
        let said = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
        let mut lines = said.lines();
        lines.next() == Some(&id.to_string()) && lines.nth(6).map(str::trim) == Some("ready")
    }

    fn stop(&self) -> Signal {
        // A smart one would wait for its clients.
        Signal::INT
    }
}

fn init(program: &Path, place: &Place, owner: Option<Owner>) {
    let folder = place.folder();
    let password = folder.join("password");
    fs::write(&password, Postgres::PASSWORD).expect("a file in a folder of our own");
    if let Some((user, group)) = owner {
        chown(folder, Some(user), Some(group)).expect("we are root");
    }
    let mut initdb = as_owner(&beside(program, "initdb").expect("it was there"), owner);
    initdb.arg("-D").arg(folder.join("data")).arg(format!("--pwfile={}", password.display()));
    initdb.args(["-U", Postgres::USER, "-A", "scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C"]);
    let output = initdb.output().expect("it starts");
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
}

/// A program of PostgreSQL's, which refuse to run as root.
fn as_owner(program: &Path, owner: Option<Owner>) -> Command {
    let mut command = Command::new(program);
    // The errors that are looked for are English, and the folder is one that the user may enter.
    command.env("LC_ALL", "C").current_dir("/");
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}

/// Who runs the server where we are root: its own user, or nobody.
fn owner() -> Option<Owner> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = |name: &str| {
        let mut fields =
            users.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name))?;
        Some((fields.nth(2)?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let owner = named("postgres").or_else(|| named("nobody"));
    Some(owner.expect("root needs a user `postgres` or `nobody` to run PostgreSQL as"))
}

/// Such as `postgres-15.18`.
fn version(program: &Path) -> String {
    let output = Command::new(program).arg("--version").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    format!("postgres-{}", said.split_whitespace().nth(2).unwrap_or("unknown"))
}
