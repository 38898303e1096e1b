//! What goes to pods and services through the API server, as bytes: commands, logs, downloads. Commands change things:
//! they are run by [`crate::port::Cluster::exec`], beside the other writes.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::port::Result;

/// A pod by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The container; absent for the only or default one.
    pub container: Option<String>,
}

/// A command to run in a container.
#[derive(Debug, Clone)]
pub struct ExecRequest {
    /// Where.
    pub pod: PodRef,
    /// The program and its arguments; no shell is involved.
    pub command: Vec<String>,
    /// How long it may run.
    pub timeout: Duration,
    /// Bytes that are kept of each of its outputs; what comes after is read and dropped.
    pub output_max: usize,
}

impl ExecRequest {
    /// What it does, for errors: completes "failed to ...".
    pub(crate) fn action(&self) -> String {
        format!("run a command in pod {}/{}", self.pod.namespace, self.pod.name)
    }
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecEnd {
    /// With this code.
    Exited(i32),
    /// It was still running when its time was over. It may run on.
    TimedOut,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecResult {
    /// How it ended.
    pub end: ExecEnd,
    /// What it wrote to its standard output.
    pub stdout: Bytes,
    /// What it wrote to its standard error.
    pub stderr: Bytes,
    /// Whether it wrote more than was kept.
    pub truncated: bool,
}

impl ExecResult {
    /// Whether the command said that all is well.
    pub fn succeeded(&self) -> bool {
        self.end == ExecEnd::Exited(0)
    }
}

/// Which part of a container's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Go on as the log grows.
    pub follow: bool,
    /// The log of the run before this one.
    pub previous: bool,
    /// Only so many of its last lines.
    pub tail: Option<u32>,
}

/// A service's port by its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The name or number of its port.
    pub port: String,
    /// Whether it speaks TLS.
    pub tls: bool,
}

/// What goes to pods and services through the API server.
#[async_trait]
pub trait Streams: Send + Sync + 'static {
    /// The log of a container.
    async fn logs(&self, pod: &PodRef, options: &LogOptions) -> Result<BoxStream<'static, Result<Bytes>>>;
    /// What a service answers to a GET of `path`, which may have a query.
    async fn service_get(
        &self,
        service: &ServiceRef,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes>>>;
}
