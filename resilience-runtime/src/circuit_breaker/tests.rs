//! The pure cores and the whole breaker against simple models, many threads, and the window's races under the model checker.

#[cfg(not(resilience_loom))]
mod clocks;
#[cfg(resilience_loom)]
mod loom;
#[cfg(not(resilience_loom))]
mod machine;
#[cfg(not(resilience_loom))]
mod model;
#[cfg(not(resilience_loom))]
mod threads;
#[cfg(not(resilience_loom))]
mod window;
