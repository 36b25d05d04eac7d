//! An error that derives `Failure` is found behind one that does not say what it means, as `anyhow::Error` looks for it.
#![allow(missing_docs)]

use std::error::Error as StdError;

use resilience::__private::RESILIENCE_FAILURES_0_1 as LOOKS;
use resilience::{Class, Failure};

#[derive(Debug, thiserror::Error, Failure)]
enum Declined {
    #[error("declined")]
    #[failure(permanent)]
    Declined,
    #[error("away")]
    #[failure(transient, not_run)]
    Away,
}

/// Behind none of them: it is no error.
#[derive(Debug, Failure)]
enum Answer {
    #[failure(permanent)]
    No,
}

/// Too many types to look for.
#[derive(Debug, thiserror::Error, Failure)]
enum Generic<T: std::fmt::Debug + 'static> {
    #[error("{0:?}")]
    #[failure(permanent)]
    Is(T),
}

fn behind<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn Failure + 'static)> {
    LOOKS.iter().find_map(|look| look(error))
}

#[test]
fn what_derives_it_is_found() {
    let meaning = |error: &(dyn StdError + 'static)| behind(error).map(|it| (it.class(), it.may_have_run()));
    assert_eq!(meaning(&Declined::Declined), Some((Class::Permanent, true)));
    assert_eq!(meaning(&Declined::Away), Some((Class::Transient, false)));
    assert_eq!(meaning(&Generic::Is(1)), None);
    assert_eq!(meaning(&std::fmt::Error), None);
    assert_eq!(Answer::No.class(), Class::Permanent);
}
