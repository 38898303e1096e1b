//! `/metrics` for scrapers, `/healthz` and `/readyz` for probes. Every replica answers, leading or not.

use std::sync::Arc;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use controllers::metrics::Metrics;
use tokio::net::TcpListener;

/// The type of what scrapers get.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until the process ends.
pub(crate) async fn serve(listener: TcpListener, metrics: Arc<Metrics>) -> Result<()> {
    axum::serve(listener, router(metrics)).await.context("serve metrics")
}

fn router(metrics: Arc<Metrics>) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(async || "ok"))
        .with_state(metrics)
}

async fn scrape(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPEN_METRICS)], metrics.render())
}
