//! The pure cores against simple models, and the window's races under the model checker.

#[cfg(resilience_loom)]
mod loom;
#[cfg(not(resilience_loom))]
mod machine;
#[cfg(not(resilience_loom))]
mod window;
