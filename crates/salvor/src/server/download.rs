//! The download service: streams one file to whoever holds the token of a DownloadRequest, where the store
//! cannot sign links. Reached through the API server's service proxy.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use controllers::Deps;
use controllers::server::download::{PATH, serve as open};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

/// Connections at a time; more wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a client has for its part of the TLS handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may be open: long enough for a large archive on a slow line.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(3600);
/// The pause after the system could not give us a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until the process ends.
pub(super) async fn serve(listener: TcpListener, tls: TlsAcceptor, deps: Arc<Deps>) -> Result<()> {
    let service = TowerToHyperService::new(router(deps));
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let place = Arc::clone(&places).acquire_owned().await?;
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!("failed to accept a connection: {error}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, service) = (tls.clone(), service.clone());
        connections.spawn(async move {
            if timeout(CONNECTION_TIMEOUT, converse(stream, tls, service)).await.is_err() {
                debug!("a connection was open for too long");
            }
            drop(place);
        });
    }
}

async fn converse(stream: TcpStream, tls: TlsAcceptor, service: TowerToHyperService<Router>) {
    let Ok(Ok(stream)) = timeout(HANDSHAKE_TIMEOUT, tls.accept(stream)).await else { return };
    let connection = Builder::new(TokioExecutor::new());
    if let Err(error) = connection.serve_connection(TokioIo::new(stream), service).await {
        debug!("a connection ended early: {error}");
    }
}

fn router(deps: Arc<Deps>) -> Router {
    Router::new().route(&format!("/{PATH}/{{request}}/{{token}}/{{file}}"), get(file)).with_state(deps)
}

async fn file(
    State(deps): State<Arc<Deps>>,
    Path((request, token, _)): Path<(String, String, String)>,
) -> Response {
    match open(&deps, &request, &token).await {
        Ok(Some(served)) => {
            let headers = [
                (CONTENT_TYPE, "application/octet-stream".to_owned()),
                (CONTENT_LENGTH, served.size.to_string()),
                (CACHE_CONTROL, "no-store".to_owned()),
            ];
            (headers, Body::from_stream(served.content)).into_response()
        }
        Ok(None) => {
            (StatusCode::NOT_FOUND, "there is no such file, or its address has expired\n").into_response()
        }
        Err(error) => {
            warn!(request, "failed to serve a download: {error}");
            (StatusCode::BAD_GATEWAY, "the store does not give the file\n").into_response()
        }
    }
}

#[cfg(test)]
mod tests;
