//! One name is one operation: two functions must not keep results, or exclude each other, under the same one, and a generic
//! one says whether its types are one.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::event::{Decision, Event, emit, reject};
use crate::site::{Site, manifest};
use crate::{Error, Kind};

/// Several operations under one name: each would be given the results of the others, or keep them from running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameClash(Clash);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Clash {
    Namesakes {
        policy: &'static str,
        sites: [Place; 2],
    },
    /// One function, in an `impl` that has parameters, or the default method of a trait.
    Generic(Place),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    name: &'static str,
    file: &'static str,
    line: u32,
}

impl Place {
    /// A site under the name that it keeps its results by.
    fn stored(site: &Site) -> Self {
        Self { name: site.stored_name(), file: site.file(), line: site.line() }
    }
}

impl fmt::Display for NameClash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Clash::Namesakes { policy, sites: [one, two] } => write!(
                f,
                "two `#[{policy}]` functions are called `{}`: {}:{} and {}:{}; give one `#[policies(name = \"...\")]`",
                one.name, one.file, one.line, two.file, two.line
            ),
            Clash::Generic(Place { name, file, line }) => write!(
                f,
                "`{name}` ({file}:{line}) is in an `impl` with parameters, or a default method of a trait, and its results \
                 would be one for all types: tell them apart by `#[idempotent(scope = ...)]`, or say that they are one by `scope = _`"
            ),
        }
    }
}

impl std::error::Error for NameClash {}

/// What is wrong with the name of a site, as far as can be seen without a call.
pub(super) fn clash(site: &'static Site) -> Option<NameClash> {
    namesakes(site).or_else(|| (site.is_of_one_type() && site.has_types()).then(|| generic(site)))
}

/// Another site that keeps results under the name of this one, or excludes its runners.
fn namesakes(site: &'static Site) -> Option<NameClash> {
    type Is = fn(&Site) -> bool;
    let policies: [(_, Is); 2] = [("idempotent", Site::remembers), ("exclusive", Site::excludes)];
    policies.into_iter().filter(|(_, is)| is(site)).find_map(|(policy, is)| {
        let same = |other: &&Site| {
            !std::ptr::eq(*other, site) && other.stored_name() == site.stored_name() && is(other)
        };
        let mut sites = [site, manifest().find(same)?].map(Place::stored);
        sites.sort_by_key(|site| (site.file, site.line));
        Some(NameClash(Clash::Namesakes { policy, sites }))
    })
}

fn generic(site: &'static Site) -> NameClash {
    NameClash(Clash::Generic(Place { name: site.name(), ..Place::stored(site) }))
}

/// Whether a site is one operation, and the only one of its name. It is looked up at its first call.
pub(crate) struct SoleName {
    state: AtomicU8,
}

/// Nobody has looked.
const NEW: u8 = 0;
const SOLE: u8 = 1;
const CLASHES: u8 = 2;

impl SoleName {
    pub(crate) const fn new() -> Self {
        Self { state: AtomicU8::new(NEW) }
    }

    /// Whether it was looked up, and is sole.
    pub(crate) fn is_known(&self) -> bool {
        self.state.load(Ordering::Relaxed) == SOLE
    }

    /// Rejects a call of a site whose name is not its own. `closure` is the path of a closure in the function's body, which
    /// names the types and values of the call; `None` where all of them may be one.
    pub(crate) fn check(
        &self,
        site: &'static Site,
        closure: Option<fn() -> &'static str>,
    ) -> Result<(), Error> {
        if self.is_known() {
            return Ok(());
        }
        let is_generic = || site.is_of_one_type() && closure.is_some_and(|closure| !site.is_one(closure()));
        let Some(clash) = clash(site).or_else(|| is_generic().then(|| generic(site))) else {
            self.state.store(SOLE, Ordering::Relaxed);
            return Ok(());
        };
        if self.state.swap(CLASHES, Ordering::Relaxed) != CLASHES {
            emit(&Event { site: site.name(), decision: Decision::NameClash(&clash) });
        }
        Err(reject(Kind::NameClash, site).because(clash))
    }
}
