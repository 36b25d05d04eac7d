//! What the policies hold at this moment.

/// What the policies of a function, or of an engine, hold at this moment. All of it is zero when no call is under way.
///
/// ```
/// # use resilience_runtime as resilience;
/// for site in resilience::manifest() {
///     println!("{}: {:?}", site.name(), site.gauges());
/// }
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gauges {
    /// Calls in a place of a bulkhead.
    pub running: usize,
    /// Calls that wait for a place, or for a rate limit.
    pub waiting: usize,
    /// Of those in a place, bodies on a thread of a pool that still run though their caller is gone.
    pub abandoned: usize,
    /// Probes of half-open breakers.
    pub probes: usize,
    /// Keys that calls under way have chosen.
    pub keys: usize,
}

impl std::ops::Add for Gauges {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            running: self.running + other.running,
            waiting: self.waiting + other.waiting,
            abandoned: self.abandoned + other.abandoned,
            probes: self.probes + other.probes,
            keys: self.keys + other.keys,
        }
    }
}

impl std::iter::Sum for Gauges {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), std::ops::Add::add)
    }
}

/// An engine that can say what it holds.
pub trait Gauged: Sync {
    /// What it holds now, in the scope that polls, or outside of one in the process.
    fn gauges(&self) -> Gauges;
}
