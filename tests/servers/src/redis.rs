//! Redis, or Valkey.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::Kind;
use crate::place::Place;
use crate::resp;
use crate::server::{Recipe, Server};

/// What a Redis keeps when it is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing.
    None,
    /// All but the last second: what a fleet usually runs with.
    AofEverySecond,
    /// All that it has confirmed.
    AofAlways,
}

/// A Redis or Valkey server that evicts nothing.
pub struct Redis {
    server: Server,
    password: Option<String>,
}

impl Deref for Redis {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Redis {
    /// Starts one with no data, and with no password.
    pub fn start(persistence: Persistence) -> Self {
        Self::start_with(persistence, &[])
    }

    /// Starts one with these settings, such as `("requirepass", "open-sesame")` or `("maxmemory", "2mb")`.
    pub fn start_with(persistence: Persistence, settings: &[(&str, &str)]) -> Self {
        let program = Kind::Redis.program().unwrap_or_else(|missing| panic!("{missing}"));
        let password = settings.iter().rev().find(|(name, _)| *name == "requirepass");
        let password = password.map(|(_, password)| (*password).to_owned());
        let settings =
            settings.iter().map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]).collect();
        let recipe = RedisRecipe { program, persistence, settings, password: password.clone() };
        Self { server: Server::start(recipe, Place::new()), password }
    }

    /// With the password, if it has one.
    pub fn url(&self) -> String {
        self.url_at(self.port())
    }

    /// The same by way of another port, such as a proxy's.
    pub fn url_at(&self, port: u16) -> String {
        let password = self.password.as_ref().map(|password| format!(":{password}@")).unwrap_or_default();
        format!("redis://{password}127.0.0.1:{port}")
    }

    /// Runs one command over a connection of its own, and returns the reply as `redis-cli --raw` prints it.
    pub fn cli(&self, command: &[&str]) -> String {
        self.try_cli(command).unwrap_or_else(|error| panic!("{}: {error}", command.join(" ")))
    }

    /// As [`cli`](Self::cli), with the server's words for what is wrong.
    pub fn try_cli(&self, command: &[&str]) -> Result<String, String> {
        resp::ask(self.port(), self.password.as_deref(), command)
    }
}

struct RedisRecipe {
    program: PathBuf,
    persistence: Persistence,
    settings: Vec<[String; 2]>,
    password: Option<String>,
}

impl Recipe for RedisRecipe {
    fn name(&self) -> &'static str {
        "redis-server"
    }

    fn command(&self, folder: &Path, port: u16) -> Command {
        let (append, sync) = match self.persistence {
            Persistence::None => ("no", "no"),
            Persistence::AofEverySecond => ("yes", "everysec"),
            Persistence::AofAlways => ("yes", "always"),
        };
        let port = port.to_string();
        let ours = [
            ["port", &port],
            ["bind", "127.0.0.1"],
            ["save", ""],
            ["appendonly", append],
            ["appendfsync", sync],
            ["maxmemory-policy", "noeviction"],
        ];
        let theirs = self.settings.iter().map(|setting| setting.each_ref().map(String::as_str));
        let mut command = Command::new(&self.program);
        command.current_dir("/").arg("--dir").arg(folder);
        // The last of two of one name counts.
        for [name, value] in ours.into_iter().chain(theirs) {
            command.arg(format!("--{name}")).arg(value);
        }
        command
    }

    /// Whether it is this one that answers, and not a stranger on its port.
    fn answers(&self, _: &Path, port: u16, id: u32) -> bool {
        let asked = |command: &[&str]| resp::ask(port, self.password.as_deref(), command);
        let id = format!("process_id:{id}");
        // Before its data is read, only the first of the two is answered.
        asked(&["INFO", "server"]).is_ok_and(|info| info.lines().any(|line| line == id))
            && asked(&["PING"]).is_ok()
    }

    fn stop(&self) -> Signal {
        Signal::TERM
    }
}
