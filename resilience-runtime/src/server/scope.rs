//! Whose key it is.

use std::any::type_name;
use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION};
use http::request::Parts;
use http::{Extensions, HeaderName};

use crate::key::{Encoded, Key, KeyError};

/// Whose key a request has: the tenant, the account or the user. It is a part of the stored key, because two clients may
/// choose the same one, and nobody may be given the response of another.
///
/// ```
/// # use resilience_runtime as resilience;
/// use resilience::server::Scope;
///
/// #[derive(Clone)]
/// struct Tenant {
///     id: String,
/// }
///
/// let by_login = Scope::extension(|tenant: &Tenant| tenant.id.clone());
/// let by_proxy = Scope::header("x-tenant");
/// let one_for_all = Scope::everybody();
/// ```
///
/// A request with a key that does not say whose it is is refused with 400, and nothing runs.
#[derive(Clone)]
pub struct Scope(Source);

#[derive(Clone)]
enum Source {
    Everybody,
    Header(HeaderName),
    Extension { name: &'static str, read: Arc<Read> },
}

/// `None`: the extension is not there.
type Read = dyn Fn(&Extensions) -> Option<Result<Encoded, KeyError>> + Send + Sync;

/// They change while the client stays the same, and have no place in a ledger.
const CREDENTIALS: [HeaderName; 3] = [AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION];

impl Scope {
    /// What a layer further out has put into the extensions once it knew who asks. A request without the extension, and
    /// one for which `whose` gives `None` or an empty text, is refused.
    pub fn extension<T, K>(whose: impl Fn(&T) -> K + Send + Sync + 'static) -> Self
    where
        T: Send + Sync + 'static,
        K: Key,
    {
        let read = move |all: &Extensions| all.get().map(|extension| Encoded::of(&whose(extension)));
        Self(Source::Extension { name: type_name::<T>(), read: Arc::new(read) })
    }

    /// A header that a proxy in front of the server **sets or removes in every request**: one that the client can write
    /// protects nobody. A request without it, or with more than one, is refused.
    ///
    /// # Panics
    ///
    /// Where it is no name of a header, or that of a credential (`Authorization`, `Cookie`, `Proxy-Authorization`): a
    /// token is renewed and its client stays the same, so that a repetition would run again.
    #[track_caller]
    pub fn header(name: &str) -> Self {
        let Ok(header) = HeaderName::try_from(name) else { panic!("{name:?} is no name of a header") };
        assert!(
            !CREDENTIALS.contains(&header),
            "the header {header} is no scope: a credential changes while its client stays the same; name the client by \
             an extension"
        );
        Self(Source::Header(header))
    }

    /// All clients share their keys, and who sends the request of another under the same key is given its response: for a
    /// server with one client, or one that has no secrets from any.
    pub fn everybody() -> Self {
        Self(Source::Everybody)
    }

    /// Whose key this request has; `None` for everybody's. An error names the place and nothing of what was found there.
    pub(super) fn of(&self, request: &Parts) -> Result<Option<Encoded>, String> {
        let found = match &self.0 {
            Source::Everybody => return Ok(None),
            Source::Header(name) => {
                let mut values = request.headers.get_all(name).iter();
                match (values.next(), values.next()) {
                    (None, _) => Err("is missing".to_owned()),
                    (_, Some(_)) => Err("comes more than once".to_owned()),
                    (Some(value), None) => match str::from_utf8(value.as_bytes()) {
                        Ok(text) => Encoded::of(text).map_err(unusable),
                        Err(_) => Err("is not UTF-8".to_owned()),
                    },
                }
            }
            Source::Extension { read, .. } => match read(&request.extensions) {
                None => Err("is missing: the layer that sets it must be further out".to_owned()),
                Some(found) => found.map_err(unusable),
            },
        };
        found.map(Some).map_err(|why| format!("whose key it is cannot be told: {self:?} {why}"))
    }
}

fn unusable(error: KeyError) -> String {
    format!("is not usable: {error}")
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Everybody => f.write_str("everybody"),
            Source::Header(name) => write!(f, "the header {name}"),
            Source::Extension { name, .. } => write!(f, "the extension {name}"),
        }
    }
}
