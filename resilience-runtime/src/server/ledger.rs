//! The place of a layer in the ledger: a site without a function.

use std::panic::Location;
use std::sync::{Mutex, PoisonError};

use resilience_policy::Policy;
use resilience_policy::idempotent::Idempotent;

use crate::Site;
use crate::idempotent::SiteLedger;

/// What a layer is called, and where.
#[derive(Clone, Copy)]
pub(super) struct Name {
    pub(super) text: &'static str,
    place: &'static Location<'static>,
}

impl Name {
    #[track_caller]
    pub(super) fn here(text: &'static str) -> Self {
        Self { text, place: Location::caller() }
    }
}

struct Known {
    name: &'static str,
    params: Idempotent,
    ledger: &'static SiteLedger,
}

/// There is one for each name and parameters, and it stays: a claim can outlive its layer. So a server that builds its
/// router anew for every request does not grow.
pub(super) fn of(name: Name, params: Idempotent) -> &'static SiteLedger {
    static ALL: Mutex<Vec<Known>> = Mutex::new(Vec::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.iter().find(|known| known.name == name.text && known.params == params) {
        return known.ledger;
    }
    let (policies, kept): (&[Policy], &Idempotent) =
        (Box::leak(Box::new([Policy::Idempotent(params)])), Box::leak(Box::new(params)));
    let site = Site::new(name.text, None, || "", name.place.file(), name.place.line(), policies, &[]);
    let ledger: &SiteLedger = Box::leak(Box::new(SiteLedger::new(Box::leak(Box::new(site)), kept)));
    all.push(Known { name: name.text, params, ledger });
    ledger
}
