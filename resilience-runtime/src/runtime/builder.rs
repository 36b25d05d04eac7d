use std::fmt;
use std::sync::Arc;

use super::Runtime;
use crate::backend::Backend;
use crate::ledger::Ledger;
use crate::ledger::memory::{LEAST_BYTES, USUAL_BYTES, USUAL_CAPACITY};
use crate::quota::Quotas;

/// Makes a [`Runtime`] in code.
#[must_use = "a builder does nothing before `build`"]
pub struct Builder {
    capacity: usize,
    bytes: usize,
    chosen: bool,
    ledger: Option<Arc<dyn Ledger>>,
    quotas: Option<Arc<dyn Quotas>>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self { capacity: USUAL_CAPACITY, bytes: USUAL_BYTES, chosen: false, ledger: None, quotas: None }
    }

    /// Keeps results in memory: they end with the process. It is the default; asked for, it does not warn.
    pub fn memory(mut self) -> Self {
        self.chosen = true;
        self
    }

    /// How many results the memory ledger keeps (100 000). When it is full the oldest result goes; a running claim
    /// never does.
    ///
    /// Apart from them, it is how many operations under `at_most_once` run or are in doubt. They never go: at this number,
    /// a further call of such an operation fails as `Store`, and does not run.
    pub fn memory_capacity(mut self, results: usize) -> Self {
        self.capacity = results;
        self.memory()
    }

    /// How many bytes the memory ledger takes (256 MiB): results, keys, and 400 for each record. At least 1 MiB, so that the
    /// longest results find room; less counts as that.
    ///
    /// Where there is no room the oldest result goes. What runs, and under `at_most_once` what is in doubt, never does:
    /// where it takes all the room, a further call fails as `Store`, and does not run.
    ///
    /// ```
    /// # use resilience_runtime as resilience;
    /// let runtime = resilience::Runtime::builder().memory_bytes(64 << 20).build();
    /// ```
    pub fn memory_bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes.max(LEAST_BYTES);
        self.memory()
    }

    /// Keeps results in a ledger of your own.
    pub fn ledger(mut self, ledger: impl Ledger + 'static) -> Self {
        self.ledger = Some(Arc::new(ledger));
        self.chosen = true;
        self
    }

    /// Counts limits of the fleet, `#[rate_limit(fleet)]`, in a store of your own. Without it they are counted in this
    /// process.
    pub fn quotas(mut self, quotas: impl Quotas + 'static) -> Self {
        self.quotas = Some(Arc::new(quotas));
        self
    }

    /// The runtime.
    pub fn build(self) -> Runtime {
        let asked_for_memory = self.chosen && self.ledger.is_none();
        let mut backend =
            self.ledger.map_or_else(|| Backend::memory(self.capacity, self.bytes), Backend::own);
        let quotas_chosen = asked_for_memory || self.quotas.is_some();
        if let Some(quotas) = self.quotas {
            backend.quotas = quotas;
        }
        Runtime::new(backend, self.chosen, quotas_chosen)
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capacity, bytes, .. } = self;
        let mut debug = f.debug_struct("Builder");
        debug.field("memory_capacity", capacity).field("memory_bytes", bytes).finish_non_exhaustive()
    }
}
