//! [`Failure`](crate::Failure) for the error types of other crates, each behind a feature of its name.

#[cfg(feature = "anyhow")]
mod anyhow;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "sqlx")]
mod sqlx;
#[cfg(all(test, feature = "anyhow", feature = "reqwest", feature = "sqlx", feature = "tonic"))]
mod tests;
#[cfg(feature = "tonic")]
mod tonic;
