//! What tests need of the system, and where it is on this machine.

use std::fmt;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What a test needs: a server, or a clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `postgres`, with `initdb` beside it and `psql`.
    Postgres,
    /// `redis-server` or `valkey-server`.
    Redis,
    /// libfaketime: another clock for one process.
    Faketime,
}

/// It is not on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing(pub Kind);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Postgres => {
                "postgres, initdb and psql are neither in PATH nor in /usr/lib/postgresql/*/bin"
            }
            Kind::Redis => "neither redis-server nor valkey-server is in PATH",
            Kind::Faketime => "libfaketime.so.1 is not in /usr/lib/*/faketime",
        })
    }
}

impl std::error::Error for Missing {}

/// Whether all of it is here; if not, the first that is missing.
pub fn available() -> Result<(), Missing> {
    Kind::ALL.iter().try_for_each(|kind| kind.program().map(drop))
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Postgres, Kind::Redis, Kind::Faketime];

    /// Its package on Debian and Ubuntu.
    pub const fn package(self) -> &'static str {
        match self {
            Kind::Postgres => "postgresql",
            Kind::Redis => "redis-server",
            Kind::Faketime => "libfaketime",
        }
    }

    /// Its program: the first in PATH, else the newest that the system's packages have. Of the clock it is the library
    /// that a process loads first.
    pub fn program(self) -> Result<PathBuf, Missing> {
        let found = match self {
            Kind::Postgres => postgres(),
            Kind::Redis => in_path("redis-server").or_else(|| in_path("valkey-server")),
            Kind::Faketime => faketime(),
        };
        found.ok_or(Missing(self))
    }
}

fn postgres() -> Option<PathBuf> {
    // In PATH there may be a link to it alone.
    let named = in_path("postgres").and_then(|program| fs::canonicalize(program).ok());
    let mut packaged: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin/postgres")))
        })
        .collect();
    packaged.sort();
    let newest_first = packaged.into_iter().rev().map(|(_, program)| program);
    let mut programs = named.into_iter().chain(newest_first);
    programs.find(|program| {
        program.is_file() && ["initdb", "psql"].iter().all(|name| beside(program, name).is_some())
    })
}

fn faketime() -> Option<PathBuf> {
    let libraries = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut paths = libraries.map(|folder| folder.path().join("faketime/libfaketime.so.1"));
    paths.find(|path| path.is_file())
}

/// A program in the folder of another, or else in PATH.
pub(crate) fn beside(program: &Path, name: &str) -> Option<PathBuf> {
    Some(program.with_file_name(name)).filter(|path| path.is_file()).or_else(|| in_path(name))
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}
