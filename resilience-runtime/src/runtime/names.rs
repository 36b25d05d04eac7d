//! Two functions must not keep results, or exclude each other, under one name.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::reject;
use crate::site::{Site, manifest};
use crate::{Error, Kind};

/// Two sites that would replay each other's results, or keep each other from running.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "two {what} functions are called `{name}`, at {one} and at {two}: give one of them a name of its own, \
     `#[policies(name = \"...\")]`"
)]
pub struct NameClash {
    what: &'static str,
    name: &'static str,
    one: String,
    two: String,
}

/// Another site that keeps results under the name of this one, or excludes its runners.
pub(super) fn namesake(site: &'static Site) -> Option<NameClash> {
    type Is = fn(&Site) -> bool;
    let kinds: [(_, Is); 2] = [("idempotent", Site::remembers), ("exclusive", Site::excludes)];
    kinds.into_iter().filter(|(_, is)| is(site)).find_map(|(what, is)| {
        let same = |other: &&Site| !std::ptr::eq(*other, site) && other.name() == site.name() && is(other);
        let other = manifest().find(same)?;
        let place = |site: &Site| format!("{}:{}", site.file(), site.line());
        Some(NameClash { what, name: site.name(), one: place(site), two: place(other) })
    })
}

/// Whether a site is known to be alone under its name. It is looked up at its first call.
pub(crate) struct Alone(AtomicBool);

impl Alone {
    pub(crate) const fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    pub(crate) fn check(&self, site: &'static Site) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) {
            return Ok(());
        }
        match namesake(site) {
            Some(clash) => Err(reject(Kind::Store, site).because(clash)),
            None => {
                self.0.store(true, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}
