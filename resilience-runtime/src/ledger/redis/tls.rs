//! TLS to the server: whom to trust. Without a file it is whom this machine trusts.

use redis::cluster::ClusterClientBuilder;
use redis::{Client, ConnectionInfo, RedisResult};

#[cfg(not(feature = "tls"))]
pub(super) fn client(node: ConnectionInfo, _: Option<&str>) -> RedisResult<Client> {
    Client::open(node)
}

#[cfg(not(feature = "tls"))]
pub(super) fn cluster(nodes: ClusterClientBuilder, _: Option<&str>) -> RedisResult<ClusterClientBuilder> {
    Ok(nodes)
}

#[cfg(feature = "tls")]
pub(super) fn client(node: ConnectionInfo, roots: Option<&str>) -> RedisResult<Client> {
    match roots {
        Some(file) => Client::build_with_tls(node, certificates::of(file)?),
        None => Client::open(node),
    }
}

#[cfg(feature = "tls")]
pub(super) fn cluster(nodes: ClusterClientBuilder, roots: Option<&str>) -> RedisResult<ClusterClientBuilder> {
    Ok(match roots {
        Some(file) => nodes.certs(certificates::of(file)?),
        None => nodes,
    })
}

#[cfg(feature = "tls")]
mod certificates {
    use redis::{ErrorKind, RedisError, RedisResult, TlsCertificates};
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;

    pub(super) fn of(file: &str) -> RedisResult<TlsCertificates> {
        let refused = |why: String| {
            let why = format!("`sslrootcert`: {why}");
            RedisError::from((ErrorKind::InvalidClientConfig, "TLS cannot be set up", why))
        };
        let root_cert = std::fs::read(file).map_err(|error| refused(error.to_string()))?;
        // The client takes a file that holds none, and then trusts nobody.
        if !CertificateDer::pem_slice_iter(&root_cert).any(|certificate| certificate.is_ok()) {
            return Err(refused("no certificate to trust".to_owned()));
        }
        Ok(TlsCertificates { client_tls: None, root_cert: Some(root_cert) })
    }
}
