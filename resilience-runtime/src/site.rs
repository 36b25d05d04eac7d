//! One annotated function, and the list of all of them that the linker builds.

use std::fmt;

use resilience_policy::Policy;

use crate::gauges::{Gauged, Gauges};

/// Every annotated function of the program. The name carries the version, because a linker section is named after
/// the static alone, and two versions of this crate in one binary must not share one.
#[linkme::distributed_slice]
pub static RESILIENCE_SITES_0_1: [&'static Site];

/// One annotated function: its name, its place in the source, its stack of policies.
pub struct Site {
    name: &'static str,
    file: &'static str,
    line: u32,
    policies: &'static [Policy],
    /// The engines of its own.
    engines: &'static [&'static dyn Gauged],
}

impl Site {
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        file: &'static str,
        line: u32,
        policies: &'static [Policy],
        engines: &'static [&'static dyn Gauged],
    ) -> Self {
        Self { name, file, line, policies, engines }
    }

    /// Something that has a name in rejections and events, and is no function.
    pub(crate) const fn without_function(name: &'static str) -> Self {
        Self::new(name, "", 0, &[], &[])
    }

    /// The module path and the function's name, or the name given by `#[policies(name = "...")]`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The source file.
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// The line of the function's topmost policy.
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The stack, outermost first.
    pub fn policies(&self) -> &'static [Policy] {
        self.policies
    }

    /// What its policies hold at this moment, without those that it shares: they tell for themselves.
    pub fn gauges(&self) -> Gauges {
        self.engines.iter().map(|engine| engine.gauges()).sum()
    }

    /// Whether results are kept under this site's name.
    pub(crate) fn remembers(&self) -> bool {
        self.policies.iter().any(|policy| policy.facts().remembers.is_some())
    }

    /// Whether its runners exclude each other under its name.
    pub(crate) fn excludes(&self) -> bool {
        self.policies.iter().any(|policy| policy.facts().excludes.is_some())
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, line, policies, engines: _ } = self;
        let mut out = f.debug_struct("Site");
        out.field("name", name).field("file", file).field("line", line).field("policies", policies).finish()
    }
}

/// Every annotated function that is linked into the program, also those never called.
///
/// ```
/// # use resilience_runtime as resilience;
/// for site in resilience::manifest() {
///     println!("{} {}:{} {:?}", site.name(), site.file(), site.line(), site.policies());
/// }
/// ```
pub fn manifest() -> impl Iterator<Item = &'static Site> {
    RESILIENCE_SITES_0_1.iter().copied()
}
