//! Only the benchmarks matter here.
