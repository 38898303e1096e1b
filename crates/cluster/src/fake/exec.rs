//! Commands in pods of the fake cluster: a handful of programs, and the refusals of a real server and node.

use std::time::Duration;

use api::meta::ResourceType;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::sleep;

use super::answers::Refusal;
use super::state::State;
use crate::port::{Error, ErrorKind, ObjectRef, Result};
use crate::streams::{ExecEnd, ExecRequest, ExecResult};

/// A program that every container has.
pub(super) enum Program {
    /// Ends with this code.
    Exits(i32),
    /// Writes its arguments.
    Echo(String),
    /// Does nothing for this long.
    Sleep(Duration),
}

impl State {
    /// Begins a command, or refuses it as a real cluster would.
    pub(super) fn begin(&mut self, request: &ExecRequest) -> Result<Program> {
        let pods = ResourceType::addressed("", "v1", "pods", "Pod", true);
        let at = ObjectRef {
            resource: pods,
            namespace: Some(request.pod.namespace.clone()),
            name: request.pod.name.clone(),
        };
        let refusal = Refusal { verb: "run a command in", at: &at };
        let pod = self.get(&at).map_err(|_| refusal.not_found())?;
        let container = container(&pod, request, &refusal)?;
        if !pod["spec"]["nodeName"].is_string() {
            return Err(refusal.bad_request(&format!("pod {} does not have a host assigned", at.name)));
        }
        if !is_running(&pod, &container) {
            return Err(refusal.internal(&format!("container not found ({container:?})")));
        }
        let program = program(request)?;
        let command = request.command.join(" ");
        self.commands.push(format!("{}/{} {container}: {command}", request.pod.namespace, request.pod.name));
        Ok(program)
    }
}

/// The name of the container that is meant.
fn container(pod: &Value, request: &ExecRequest, refusal: &Refusal<'_>) -> Result<String> {
    let lists = ["containers", "initContainers"].map(|field| pod["spec"][field].as_array());
    let mut names = lists.into_iter().flatten().flatten().filter_map(|of| of["name"].as_str());
    let wanted = request.pod.container.as_deref();
    let found = names.find(|name| wanted.is_none_or(|wanted| wanted == *name));
    let strange =
        || format!("container {} is not valid for pod {}", wanted.unwrap_or_default(), request.pod.name);
    found.map(str::to_owned).ok_or_else(|| refusal.bad_request(&strange()))
}

fn is_running(pod: &Value, container: &str) -> bool {
    let statuses = pod["status"]["containerStatuses"].as_array();
    statuses.into_iter().flatten().any(|of| of["name"] == *container && of["state"]["running"].is_object())
}

fn program(request: &ExecRequest) -> Result<Program> {
    let words: Vec<&str> = request.command.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["true", ..] => Ok(Program::Exits(0)),
        ["false", ..] => Ok(Program::Exits(1)),
        ["echo", words @ ..] => Ok(Program::Echo(words.join(" ") + "\n")),
        ["sleep", seconds] => Ok(Program::Sleep(Duration::from_secs(seconds.parse().unwrap_or_default()))),
        other => {
            let what = other.first().unwrap_or(&"");
            let message = format!("exec failed: unable to start {what:?}: no such file or directory");
            let status = json!({"kind": "Status", "status": "Failure", "message": message});
            let error = Error::new(ErrorKind::Other, request.action(), message);
            Err(Error { status: Some(Box::new(status)), ..error })
        }
    }
}

impl Program {
    /// Runs to its end, or until its time is over.
    pub(super) async fn run(self, request: &ExecRequest) -> Result<ExecResult> {
        let (end, written) = match self {
            Self::Exits(code) => (ExecEnd::Exited(code), String::new()),
            Self::Echo(text) => (ExecEnd::Exited(0), text),
            Self::Sleep(time) => {
                sleep(time.min(request.timeout)).await;
                let in_time = time <= request.timeout;
                (if in_time { ExecEnd::Exited(0) } else { ExecEnd::TimedOut }, String::new())
            }
        };
        let stdout = Bytes::from(written);
        let truncated = stdout.len() > request.output_max;
        let stdout = stdout.slice(..stdout.len().min(request.output_max));
        Ok(ExecResult { end, stdout, stderr: Bytes::new(), truncated })
    }
}

/// Whether the fake cluster's only node is one that the pod wants.
pub(super) fn finds_a_node(pod: &Value) -> bool {
    pod["spec"]["nodeSelector"].as_object().is_none_or(serde_json::Map::is_empty)
}

/// Starts the containers of a new pod.
pub(super) fn start(pod: &mut Value) {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let running = |of: &Value| json!({"name": of["name"], "ready": true, "state": {"running": {}}});
    let statuses: Vec<_> = containers.map(running).collect();
    if let Some(spec) = pod["spec"].as_object_mut() {
        spec.insert("nodeName".to_owned(), "node".into());
    }
    pod["status"] = json!({"phase": "Running", "containerStatuses": statuses});
}
