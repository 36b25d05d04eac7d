//! A result in the memory of this process is there at once: it is looked for before anything is made for the call.

use super::{Codec, Names, Record, SiteLedger};
use crate::edge::{Outcome, Returns};
use crate::runtime;

impl SiteLedger {
    /// The outcome, where the result lies in the memory of this process. For the outermost policy. `None` says nothing:
    /// then the question is for the ledger.
    pub fn known<R: Returns>(
        &'static self,
        names: &Names,
        codec: &Codec<R>,
    ) -> Option<Outcome<R::Value, R::Error>> {
        self.in_memory(names).map(|record| self.replay(&record, codec))
    }

    fn in_memory(&'static self, names: &Names) -> Option<Record> {
        let shared = runtime::in_use();
        let memory = shared.memory()?;
        // What is wrong with the names is said when the ledger is asked, which the first call does.
        let usable = names.usable().ok().filter(|_| self.sole_name.is_known())?;
        memory.known(self.site.stored_name(), &self.name(usable), usable.fingerprint)
    }
}
