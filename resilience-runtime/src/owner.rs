//! Who an engine belongs to: an annotated function, or a name that its maker gave it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

use resilience_policy::Policy;

use crate::Site;

/// Whose engine it is.
pub(crate) enum Owner {
    Site(&'static Site),
    Name(&'static str, OnceLock<&'static Site>),
}

impl Owner {
    pub(crate) const fn named(name: &'static str) -> Self {
        Self::Name(name, OnceLock::new())
    }

    /// A member of a set.
    pub(crate) fn member(set: &'static str, index: usize) -> Self {
        Self::Site(without_function(&format!("{set}[{index}]")))
    }

    /// For readers.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Site(site) => site.name(),
            Self::Name(name, _) => name,
        }
    }

    /// For what is kept under it.
    pub(crate) fn stored_name(&self) -> &'static str {
        match self {
            Self::Site(site) => site.stored_name(),
            Self::Name(name, _) => name,
        }
    }

    /// The site that a rejection speaks of.
    pub(crate) fn site(&self) -> &'static Site {
        match self {
            Self::Site(site) => site,
            Self::Name(name, site) => site.get_or_init(|| without_function(name)),
        }
    }
}

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

/// How an engine shows itself: by its name, and what it holds. Its calls may be of any kind, and its parameters are known.
macro_rules! debug_of {
    ($ty:ident $(<$param:ident>)?: $this:ident => $name:expr $(, $field:literal: $value:expr)* $(,)?) => {
        impl $(<$param>)? ::std::fmt::Debug for $ty $(<$param>)? {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                let $this = self;
                f.debug_struct(stringify!($ty)).field("name", &$name)$(.field($field, &$value))*.finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use debug_of;

/// A name that outlives whoever made it. There is one copy of each.
pub(crate) fn lasting(name: &str) -> &'static str {
    without_function(name).name()
}

/// The site of engines that run code without an annotated function. There is one for each name, and it stays: a
/// rejection can outlive the engine.
fn without_function(name: &str) -> &'static Site {
    static ALL: Mutex<BTreeMap<&str, &Site>> = Mutex::new(BTreeMap::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(site) = all.get(name) {
        return site;
    }
    let name = String::leak(name.to_owned());
    all.entry(name).or_insert(Box::leak(Box::new(Site::without_function(name))))
}

/// Panics where the attribute of the same policy would not compile.
pub(crate) const fn sane(policy: Policy) {
    if let Some(found) = resilience_policy::judge(&[policy], &[], false) {
        panic!("{}", found.message());
    }
}
