use std::sync::{Arc, OnceLock};

use super::RateLimit;
use super::fleet::Pot;
use super::gcra::Rate;
use super::state::State;
use crate::event::{Decision, Event, Fleet, emit};
use crate::gauges::Gauges;
use crate::runtime;
use crate::time::Tick;

/// What is left of a limit: counted here, or a share of the fleet's.
pub struct Count {
    pub(super) here: State,
    fleet: OnceLock<Arc<Pot>>,
    /// Its name in a store, where it is that of a key.
    key: Option<[u8; 32]>,
}

impl Count {
    /// All permits are there.
    pub(super) const fn new(key: Option<[u8; 32]>) -> Self {
        Self { here: State::new(), fleet: OnceLock::new(), key }
    }

    /// The share, if it is a limit of the fleet.
    pub(super) fn fleet(&self, limit: &RateLimit) -> Option<&Arc<Pot>> {
        let fail = limit.params.fleet?;
        let (name, mut counts_alone) = (limit.owner.name(), false);
        let pot = self.fleet.get_or_init(|| {
            let shared = runtime::in_use();
            counts_alone = !shared.quotas_chosen && self.key.is_none();
            let named = self.key.unwrap_or_else(|| *limit.name_in_stores());
            Arc::new(Pot::new(name, named, Rate::of(&limit.params), fail, shared.quotas()))
        });
        // A subscriber may do anything, also come back here: not while others wait for the cell.
        if counts_alone {
            emit(&Event { site: name, decision: Decision::Fleet(Fleet::CountedAlone) });
        }
        Some(pot)
    }

    pub(super) fn may_go(&self) -> bool {
        self.here.is_full(Tick::now()) && self.fleet.get().is_none_or(|pot| pot.is_idle())
    }

    pub(super) fn gauges(&self) -> Gauges {
        let drawing =
            Gauges { waiting: self.fleet.get().map_or(0, |pot| pot.waiting()), ..Gauges::default() };
        self.here.gauges() + drawing
    }
}
