//! Where a run keeps what must outlive its process.
//!
//! ```text
//! DIR/run.json    what run this is
//! DIR/ledger      the shop's ledger
//! DIR/book        the gateway's book
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::args::Options;
use crate::stop::Stop;

/// The files of one run.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) book: PathBuf,
    /// The ledger, unless the arguments choose another.
    pub(crate) ledger: String,
    /// The name of the run, which keeps its orders apart from those of others in a ledger that they share.
    pub(crate) run: String,
    /// The run was begun before.
    pub(crate) resumed: bool,
}

/// What `run.json` says.
#[derive(Debug, Serialize, Deserialize)]
struct Run {
    name: String,
    seed: u64,
    orders: u64,
    faults: String,
    unprotected: bool,
}

impl Folder {
    /// The folder that the arguments name, or a book among the temporary files.
    pub(crate) fn open(options: &Options) -> Result<Self, Stop> {
        let asked = Run::new(options);
        let Some(dir) = &options.dir else {
            let book = std::env::temp_dir().join(asked.temporary_book());
            // An old process may have had this one's number.
            match fs::remove_file(&book) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
            return Ok(Self { book, ledger: "memory:".to_owned(), run: asked.name, resumed: false });
        };
        let begun = Run::read(&dir.join("run.json"))?;
        if let Some(begun) = &begun {
            asked.check(begun, dir)?;
        } else if dir.join("book").exists() {
            return Err(Stop::Usage(format!("{}: has a book and no run.json", dir.display())));
        } else {
            fs::create_dir_all(dir)?;
            asked.write(dir)?;
        }
        Ok(Self {
            book: dir.join("book"),
            ledger: format!("file:{}", dir.join("ledger").display()),
            resumed: begun.is_some(),
            run: begun.map_or(asked.name, |begun| begun.name),
        })
    }
}

impl Run {
    fn new(options: &Options) -> Self {
        Self {
            name: format!("{:016x}", fastrand::u64(..)),
            seed: options.plan.seed,
            orders: options.orders,
            faults: options.plan.faults.name().to_owned(),
            unprotected: options.unprotected,
        }
    }

    fn temporary_book(&self) -> String {
        let mode = if self.unprotected { "-unprotected" } else { "" };
        format!("checkout-{}{mode}.book", std::process::id())
    }

    fn read(path: &Path) -> Result<Option<Self>, Stop> {
        match fs::read(path) {
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(run) => Ok(Some(run)),
                Err(error) => Err(Stop::Usage(format!("{}: does not say a run: {error}", path.display()))),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whole or not at all.
    fn write(&self, dir: &Path) -> io::Result<()> {
        let draft = dir.join(format!("run.json.{}", std::process::id()));
        fs::write(&draft, serde_json::to_vec(self)?)?;
        fs::rename(draft, dir.join("run.json"))
    }

    fn check(&self, begun: &Self, dir: &Path) -> Result<(), Stop> {
        let mode = |run: &Self| if run.unprotected { "unprotected" } else { "protected" };
        let differences = [
            ("seed", begun.seed.to_string(), self.seed.to_string()),
            ("orders", begun.orders.to_string(), self.orders.to_string()),
            ("faults", begun.faults.clone(), self.faults.clone()),
            ("mode", mode(begun).to_owned(), mode(self).to_owned()),
        ]
        .into_iter()
        .filter(|(_, there, here)| there != here)
        .map(|(name, there, here)| format!("{name} {there}, not {here}"))
        .collect::<Vec<_>>();
        if differences.is_empty() {
            return Ok(());
        }
        Err(Stop::Usage(format!("{}: holds a run with {}", dir.display(), differences.join("; "))))
    }
}

#[cfg(test)]
mod tests {
    use super::{Folder, Options, Stop, fs};

    #[test]
    fn a_folder_holds_one_run() {
        let dir = std::env::temp_dir().join(format!("checkout-test-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        let options = Options { dir: Some(dir.clone()), ..Options::default() };
        let first = Folder::open(&options).unwrap();
        let again = Folder::open(&options).unwrap();
        assert!(!first.resumed && again.resumed);
        assert_eq!((first.run, first.book, first.ledger), (again.run, again.book, again.ledger));

        let other = Options { orders: 20, unprotected: true, ..options.clone() };
        let Err(Stop::Usage(error)) = Folder::open(&other) else { panic!() };
        let expected = "holds a run with orders 1000, not 20; mode protected, not unprotected";
        assert_eq!(error, format!("{}: {expected}", dir.display()));

        // Without its name, the shop would charge anew what the book has.
        fs::rename(dir.join("run.json"), dir.join("book")).unwrap();
        assert!(matches!(Folder::open(&options), Err(Stop::Usage(_))));
        fs::remove_dir_all(dir).unwrap();
    }
}
