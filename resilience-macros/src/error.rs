//! Errors add up: a stage reports all it has found, and the next stage starts only if there was nothing.

use proc_macro2::{Punct, Spacing, Span, TokenStream};
use quote::ToTokens;

/// Everything that is wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Errors(Vec<syn::Error>);

/// A stage has found errors.
pub(crate) type Result<T> = std::result::Result<T, Errors>;

impl Errors {
    pub(crate) fn push(&mut self, error: impl Into<Self>) {
        self.0.extend(error.into().0);
    }

    /// Keeps the error, if it is one, and goes on.
    pub(crate) fn take<T>(&mut self, result: std::result::Result<T, impl Into<Self>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.push(error);
                None
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The end of a stage.
    pub(crate) fn finish<T>(self, value: T) -> Result<T> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    pub(crate) fn to_compile_error(&self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}

impl From<syn::Error> for Errors {
    fn from(error: syn::Error) -> Self {
        Self(vec![error])
    }
}

/// A stretch of the source. On stable a span of several tokens joins to its first one, so both ends are kept; what is
/// built from tokens at either end underlines all between them.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) start: Span,
    pub(crate) end: Span,
}

impl Place {
    pub(crate) fn of(tokens: &impl ToTokens) -> Self {
        let mut tokens = tokens.to_token_stream().into_iter().map(|token| token.span());
        let start = tokens.next().unwrap_or_else(Span::call_site);
        Self { start, end: tokens.last().unwrap_or(start) }
    }
}

impl From<Span> for Place {
    fn from(span: Span) -> Self {
        Self { start: span, end: span }
    }
}

impl ToTokens for Place {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        for span in [self.start, self.end] {
            let mut token = Punct::new('.', Spacing::Alone);
            token.set_span(span);
            tokens.extend([proc_macro2::TokenTree::Punct(token)]);
        }
    }
}

/// The attribute that runs now, as a place in the user's own code: `user` is any token of it.
pub(crate) fn attribute(user: Span) -> Span {
    Span::call_site().resolved_at(user)
}

/// What is wrong at `tokens`, and what to do about it.
pub(crate) fn at(
    tokens: impl ToTokens,
    wrong: impl std::fmt::Display,
    help: impl std::fmt::Display,
) -> syn::Error {
    syn::Error::new_spanned(tokens, format!("{wrong}\n  help: {help}"))
}

/// The same at a place that has no tokens of its own.
pub(crate) fn at_span(
    place: impl Into<Place>,
    wrong: impl std::fmt::Display,
    help: impl std::fmt::Display,
) -> syn::Error {
    at(place.into(), wrong, help)
}

/// The one of `names` that was probably meant: a slip of the hand, or the word that another library has for it.
pub(crate) fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let names: Vec<_> = names.into_iter().collect();
    let meant = SYNONYMS.iter().find(|(word, name)| *word == written && names.contains(name));
    if let Some((_, name)) = meant {
        return names.into_iter().find(|known| known == name);
    }
    let score = |name| match strsim::osa_distance(written, name) {
        0 | 1 => 1.0,
        _ => strsim::jaro_winkler(written, name),
    };
    let scored = names.into_iter().map(|name| (score(name), name));
    let best = scored.max_by(|(one, _), (two, _)| one.total_cmp(two))?;
    (best.0 > 0.8).then_some(best.1)
}

/// What people write who come from elsewhere. A word counts only where the name beside it exists.
const SYNONYMS: &[(&str, &str)] = &[
    ("millis", "ms"),
    ("milliseconds", "ms"),
    ("sec", "secs"),
    ("seconds", "secs"),
    ("duration", "after"),
    ("time", "after"),
    ("deadline", "after"),
    ("limit", "after"),
    ("timeout", "after"),
    ("max_attempts", "attempts"),
    ("max_retries", "attempts"),
    ("retries", "attempts"),
    ("times", "attempts"),
    ("max", "attempts"),
    ("delay", "backoff"),
    ("interval", "backoff"),
    ("wait", "backoff"),
    ("strategy", "backoff"),
    ("delay", "after"),
    ("wait", "after"),
    ("interval", "after"),
    ("attempts", "max"),
    ("hedges", "max"),
    ("max_hedges", "max"),
    ("max_attempts", "max"),
    ("extra", "max"),
    ("default", "initial"),
    ("warmup", "initial"),
    ("concurrency", "max"),
    ("limit", "max"),
    ("permits", "max"),
    ("size", "max"),
    ("queue_size", "queue"),
    ("timeout", "max_wait"),
    ("wait", "max_wait"),
    ("rps", "permits"),
    ("rate", "permits"),
    ("limit", "permits"),
    ("requests", "permits"),
    ("calls", "permits"),
    ("max", "permits"),
    ("window", "per"),
    ("period", "per"),
    ("interval", "per"),
    ("capacity", "burst"),
    ("cost", "weight"),
    ("max_delay", "max"),
    ("cap", "max"),
    ("base", "factor"),
    ("multiplier", "factor"),
    ("max_duration", "max_elapsed"),
    ("max_time", "max_elapsed"),
    ("retry_if", "when"),
    ("retry_on", "when"),
    ("condition", "when"),
    ("predicate", "when"),
    ("reason", "repeatable"),
    ("safe", "repeatable"),
    ("threshold", "failure_rate"),
    ("failure_threshold", "failure_rate"),
    ("error_rate", "failure_rate"),
    ("failures", "consecutive"),
    ("max_failures", "consecutive"),
    ("reset_timeout", "open_for"),
    ("reset_after", "open_for"),
    ("cooldown", "open_for"),
    ("wait_duration", "open_for"),
    ("half_open", "probes"),
    ("half_open_calls", "probes"),
    ("minimum_calls", "min_calls"),
    ("window_size", "window"),
    ("id", "key"),
    ("expires", "ttl"),
    ("expiry", "ttl"),
    ("retention", "ttl"),
    ("tenant", "scope"),
    ("cache_errors", "store_errors"),
    ("exponential_backoff", "exponential"),
    ("constant", "fixed"),
    ("linear", "fixed"),
    ("exactly_once", "at_most_once"),
    ("at_least_once", "dedup"),
    ("retryable", "transient"),
    ("retry", "transient"),
    ("temporary", "transient"),
    ("fatal", "permanent"),
    ("rejection", "policy"),
    ("rejected", "policy"),
    ("rate_limited", "throttled"),
    ("delegate", "transparent"),
    ("id", "name"),
    ("expect", "allow"),
    ("ignore", "allow"),
];

/// `a`, `b` and `c`, in the form of a message.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
