//! The smallest HTTP client that will do: one connection, one POST, one reply.

use std::io;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

/// The header by which a gateway recognises a request that it has seen before.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Nothing has been sent yet when this fails.
pub(crate) async fn connect(server: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(server).await
}

/// Anything may have happened at the other end when this fails.
///
/// The connection lives inside this future: whoever drops it hangs up.
pub(crate) async fn post(
    stream: TcpStream,
    path: &str,
    key: Option<String>,
    body: &impl Serialize,
) -> io::Result<Response<Bytes>> {
    let mut request = Request::post(path).header(HOST, "gateway").header(CONTENT_TYPE, "application/json");
    if let Some(key) = key {
        request = request.header(IDEMPOTENCY_KEY, key);
    }
    let request = request.body(Full::<Bytes>::from(serde_json::to_vec(body)?)).map_err(io::Error::other)?;

    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    let exchange = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    };
    // The connection ends when the exchange lets go of its sender; what went wrong, the exchange has said.
    let (reply, _closed) = tokio::join!(exchange, connection);
    reply.map_err(|error: hyper::Error| io::Error::other(error))
}
