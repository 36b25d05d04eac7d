//! The client side, for reqwest.

use reqwest::{RequestBuilder, Response};

use super::Protocol::Http;
use crate::{context, time};

mod sealed {
    pub trait Sealed {}

    impl Sealed for reqwest::RequestBuilder {}
}

/// Sends a request of reqwest in the context of the call that runs now.
///
/// ```no_run
/// # use resilience_runtime as resilience;
/// use resilience::propagation::SendInContext;
///
/// # async fn example(client: &reqwest::Client) -> Result<(), reqwest::Error> {
/// client.post("https://payments.example/charges").body("250").send_in_context().await?.error_for_status()?;
/// # Ok(())
/// # }
/// ```
pub trait SendInContext: sealed::Sealed {
    /// As `send`, with the idempotency key, the time left and the attempt in the headers
    /// ([`inject`](super::Protocol::inject)), and with an ear for the advice of a response that is a failure
    /// ([`heed`](super::Protocol::heed)).
    ///
    /// A `timeout` of this request ends with the deadline of the call, if that is nearer. The `timeout` of the client is
    /// left alone: a request cannot shorten it, only replace it. What cuts the call is a `#[timeout]`.
    ///
    /// Use it in the body, for the request of this attempt. Dropping the future drops the request.
    fn send_in_context(self) -> impl Future<Output = Result<Response, reqwest::Error>> + Send;
}

impl SendInContext for RequestBuilder {
    async fn send_in_context(self) -> Result<Response, reqwest::Error> {
        let (client, request) = self.build_split();
        let mut request = request?;
        Http.inject(request.headers_mut());
        let left = context::deadline().map(|at| at.saturating_duration_since(time::now()));
        if let (Some(timeout), Some(left)) = (request.timeout_mut(), left) {
            *timeout = left.min(*timeout);
        }
        let response = client.execute(request).await?;
        if !response.status().is_success() {
            Http.heed(response.headers());
        }
        Ok(response)
    }
}
