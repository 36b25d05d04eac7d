//! What examples share.

pub(crate) mod chart;
pub(crate) mod dice;
pub(crate) mod flags;
pub(crate) mod heard;
pub(crate) mod percentile;
pub(crate) mod progress;
pub(crate) mod svg;
