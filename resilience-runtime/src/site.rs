//! One annotated function, and the list of all of them that the linker builds.

mod names;
mod path;

use std::fmt;
use std::sync::OnceLock;

use resilience_policy::Policy;

use crate::gauges::{Gauged, Gauges};

/// Every annotated function of the program. The name carries the version, because a linker section is named after
/// the static alone, and two versions of this crate in one binary must not share one.
#[linkme::distributed_slice]
pub static RESILIENCE_SITES_0_1: [&'static Site];

/// One annotated function: its name, its place in the source, its stack of policies.
pub struct Site {
    stored_name: &'static str,
    /// `None`: its name was given to it, and is shown as it is.
    module: Option<&'static str>,
    /// The path of an item in its body.
    path: fn() -> &'static str,
    /// Made when it is first read.
    name: OnceLock<&'static str>,
    file: &'static str,
    line: u32,
    policies: &'static [Policy],
    /// The engines of its own.
    engines: &'static [&'static dyn Gauged],
}

impl Site {
    #[doc(hidden)]
    pub const fn new(
        stored_name: &'static str,
        module: Option<&'static str>,
        path: fn() -> &'static str,
        file: &'static str,
        line: u32,
        policies: &'static [Policy],
        engines: &'static [&'static dyn Gauged],
    ) -> Self {
        Self { stored_name, module, path, name: OnceLock::new(), file, line, policies, engines }
    }

    /// Something that has a name in rejections and events, and is no function.
    pub(crate) const fn without_function(name: &'static str) -> Self {
        Self::new(name, None, || "", "", 0, &[], &[])
    }

    /// The name in rejections, events and gauges: the module path, the type of a method, and the function, such as
    /// `shop::Gateway::charge`; or the name given by `#[policies(name = "...")]`.
    ///
    /// It is for readers. Two functions that would be called alike are told apart by `#2`, in the order of their places
    /// in the source. Where the type has no name, as in an `impl` for a tuple, it is the [stored name](Self::stored_name).
    pub fn name(&'static self) -> &'static str {
        self.name.get_or_init(|| names::display(self))
    }

    /// The name under which results and counts are kept: the module path and the function's name, or the name given by
    /// `#[policies(name = "...")]`. It has no type, and two methods of one module can have the same.
    pub fn stored_name(&self) -> &'static str {
        self.stored_name
    }

    /// Whether the `impl` around the function has type parameters. This can be said without a call; what else makes several
    /// operations of a function, [at a call](Self::is_one).
    pub(crate) fn has_types(&self) -> bool {
        path::has_types((self.path)())
    }

    /// Whether the function is one operation, and not one for each type or value that it is called with. `closure` is the
    /// path of a closure in its body.
    pub(crate) fn is_one(&self, closure: &str) -> bool {
        path::is_one((self.path)(), closure)
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

    /// Whether its results would be one for all types that its function is generic over: nothing says otherwise.
    pub(crate) fn is_of_one_type(&self) -> bool {
        self.policies.iter().any(|policy| matches!(policy, Policy::Idempotent(it) if it.scope.is_empty()))
    }

    /// Whether its runners exclude each other under its name.
    pub(crate) fn excludes(&self) -> bool {
        self.policies.iter().any(|policy| policy.facts().excludes.is_some())
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stored_name, file, line, policies, .. } = self;
        let mut out = f.debug_struct("Site");
        out.field("stored_name", stored_name)
            .field("file", file)
            .field("line", line)
            .field("policies", policies)
            .finish()
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
