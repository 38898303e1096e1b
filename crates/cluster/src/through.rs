//! Commands, logs and downloads through a real API server.

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt};
use http::Response;
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::{Api, AttachParams, AttachedProcess};
use kube::client::Body;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

use crate::client::{OPEN_DEADLINE, lost, within};
use crate::errors::{from_answer, from_transport};
use crate::kube::Kube;
use crate::port::{Error, ErrorKind, Result};
use crate::request::{Call, check_segment, escape};
use crate::streams::{ExecEnd, ExecRequest, ExecResult, LogOptions, PodRef, ServiceRef, Streams};

/// Bytes between the connection and whoever reads an output of a command.
const EXEC_BUFFER: usize = 1 << 20;
/// Bytes read from an output of a command at once.
const EXEC_READ: usize = 16 << 10;

impl Kube {
    /// See [`crate::port::Cluster::exec`].
    pub(crate) async fn run_command(&self, request: &ExecRequest) -> Result<ExecResult> {
        let action = request.action();
        check_segment(&action, &request.pod.namespace)?;
        check_segment(&action, &request.pod.name)?;
        let pods: Api<Pod> = Api::namespaced(self.caller.client.clone(), &request.pod.namespace);
        self.caller.enter_long().await;
        let open = async {
            let command = request.command.iter().map(String::as_str);
            let process = pods.exec(&request.pod.name, command, &attach(&request.pod)).await;
            process.map_err(|error| exec_refused(&action, &error))
        };
        let process = within(OPEN_DEADLINE, &action, open).await?;
        finish(&action, process, request).await
    }
}

#[async_trait]
impl Streams for Kube {
    async fn logs(&self, pod: &PodRef, options: &LogOptions) -> Result<BoxStream<'static, Result<Bytes>>> {
        let action = format!("read the log of pod {}/{}", pod.namespace, pod.name);
        check_segment(&action, &pod.namespace)?;
        check_segment(&action, &pod.name)?;
        let path = format!("/api/v1/namespaces/{}/pods/{}/log", escape(&pod.namespace), escape(&pod.name));
        let mut call = Call::get(action, path)
            .accept("*/*")
            .query_if(options.follow, "follow", &true)
            .query_if(options.previous, "previous", &true);
        if let Some(container) = &pod.container {
            call = call.query("container", &container);
        }
        if let Some(tail) = options.tail {
            call = call.query("tailLines", &tail);
        }
        Ok(bytes_of(call.action.clone(), self.caller.open(&call).await?))
    }

    async fn service_get(
        &self,
        service: &ServiceRef,
        path: &str,
    ) -> Result<BoxStream<'static, Result<Bytes>>> {
        // The path may hold a token and stays out of the action.
        let action = format!("download through service {}/{}", service.namespace, service.name);
        for segment in [&service.namespace, &service.name, &service.port] {
            check_segment(&action, segment)?;
        }
        let scheme = if service.tls { "https:" } else { "" };
        let (namespace, name, port) =
            (escape(&service.namespace), escape(&service.name), escape(&service.port));
        let root = format!("/api/v1/namespaces/{namespace}/services/{scheme}{name}:{port}/proxy");
        let call = Call::get(action, format!("{root}/{}", path.trim_start_matches('/'))).accept("*/*");
        Ok(bytes_of(call.action.clone(), self.caller.open(&call).await?))
    }
}

fn bytes_of(action: String, response: Response<Body>) -> BoxStream<'static, Result<Bytes>> {
    let bytes = response.into_body().into_data_stream();
    bytes.map(move |piece| piece.map_err(|error| lost(&action, &error))).boxed()
}

fn attach(pod: &PodRef) -> AttachParams {
    let params = AttachParams::default()
        .stdin(false)
        .stdout(true)
        .stderr(true)
        .max_stdout_buf_size(EXEC_BUFFER)
        .max_stderr_buf_size(EXEC_BUFFER);
    match &pod.container {
        Some(container) => params.container(container),
        None => params,
    }
}

/// A refused upgrade carries the server's `Status`.
fn exec_refused(action: &str, error: &kube::Error) -> Error {
    let kube::Error::Api(status) = error else { return from_transport(action, error) };
    let code = http::StatusCode::from_u16(status.code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut document = serde_json::to_value(status.as_ref()).unwrap_or_default();
    document["kind"] = "Status".into();
    from_answer(action, code, &http::HeaderMap::new(), document.to_string().as_bytes())
}

/// Reads both outputs until the command ends or its time is over.
async fn finish(action: &str, mut process: AttachedProcess, request: &ExecRequest) -> Result<ExecResult> {
    let (mut stdout, mut stderr) = (Kept::new(request.output_max), Kept::new(request.output_max));
    let (out, err) = (process.stdout(), process.stderr());
    let status = process.take_status();
    let run = async {
        let (first, second, status) = futures::join!(stdout.drain(out), stderr.drain(err), async {
            match status {
                Some(status) => status.await,
                None => None,
            }
        });
        first.and(second).map_err(|error| lost(action, &error))?;
        exit_code(action, status.as_ref())
    };
    let end = match timeout(request.timeout, run).await {
        Ok(code) => ExecEnd::Exited(code?),
        Err(_) => ExecEnd::TimedOut,
    };
    process.abort();
    let truncated = stdout.dropped || stderr.dropped;
    Ok(ExecResult { end, stdout: stdout.bytes.freeze(), stderr: stderr.bytes.freeze(), truncated })
}

/// The first bytes of an output.
struct Kept {
    bytes: BytesMut,
    max: usize,
    dropped: bool,
}

impl Kept {
    fn new(max: usize) -> Self {
        Self { bytes: BytesMut::new(), max, dropped: false }
    }

    async fn drain(&mut self, output: Option<impl AsyncRead + Unpin>) -> std::io::Result<()> {
        let Some(mut output) = output else { return Ok(()) };
        let mut buffer = vec![0; EXEC_READ];
        loop {
            let length = output.read(&mut buffer).await?;
            if length == 0 {
                return Ok(());
            }
            let room = (self.max - self.bytes.len()).min(length);
            self.bytes.extend_from_slice(&buffer[..room]);
            self.dropped |= room < length;
        }
    }
}

/// The code that a command ended with; the status says so in its causes.
fn exit_code(action: &str, status: Option<&Status>) -> Result<i32> {
    let broke =
        || Error::new(ErrorKind::Unavailable, action, "the connection broke before the command ended");
    let status = status.ok_or_else(broke)?;
    if status.status.as_deref() == Some("Success") {
        return Ok(0);
    }
    let causes = status.details.iter().flat_map(|details| details.causes.iter().flatten());
    let code = causes.filter(|cause| cause.reason.as_deref() == Some("ExitCode"));
    let code = code.filter_map(|cause| cause.message.as_deref()?.parse().ok()).next();
    let message = || status.message.clone().unwrap_or_else(|| "the command could not be started".to_owned());
    let said = || Some(Box::new(serde_json::to_value(status).unwrap_or_default()));
    code.ok_or_else(|| Error { status: said(), ..Error::new(ErrorKind::Other, action, message()) })
}

#[cfg(test)]
mod real;

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::{StatusCause, StatusDetails};

    fn ended(reason: &str, message: &str) -> Status {
        let cause = StatusCause { reason: Some(reason.into()), message: Some(message.into()), field: None };
        let details = StatusDetails { causes: Some(vec![cause]), ..StatusDetails::default() };
        Status {
            status: Some("Failure".into()),
            message: Some("words".into()),
            details: Some(details),
            ..Status::default()
        }
    }

    #[test]
    fn the_exit_code_is_in_the_causes() {
        let success = Status { status: Some("Success".into()), ..Status::default() };
        assert_eq!(exit_code("exec", Some(&success)).unwrap(), 0);
        assert_eq!(exit_code("exec", Some(&ended("ExitCode", "7"))).unwrap(), 7);
        assert_eq!(exit_code("exec", Some(&ended("Other", "7"))).unwrap_err().message, "words");
        assert_eq!(exit_code("exec", None).unwrap_err().kind, ErrorKind::Unavailable);
    }

    #[tokio::test]
    async fn outputs_are_kept_up_to_a_limit_and_read_to_the_end() {
        let mut kept = Kept::new(4);
        kept.drain(Some(&b"abcdef"[..])).await.unwrap();
        assert_eq!((&kept.bytes[..], kept.dropped), (&b"abcd"[..], true));
        let mut kept = Kept::new(6);
        kept.drain(Some(&b"abcdef"[..])).await.unwrap();
        assert!(!kept.dropped);
    }
}
