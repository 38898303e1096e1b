//! Commands in pods.

use std::time::Duration;

use api::meta::ResourceType;
use serde_json::{Value, json};

use super::{Bench, Outcome, SETTLED, ensure, refused, same};
use crate::conditions;
use crate::port::{ErrorKind, ObjectRef, Result, WriteOptions};
use crate::streams::{ExecEnd, ExecRequest, ExecResult, PodRef};
use crate::wait::until;

/// An image with the usual programs, present on the nodes of test clusters.
const IMAGE: &str = "local/busybox:1";
/// Longer than any command of these checks takes, but for those that are to take too long.
const AMPLE: Duration = Duration::from_secs(60);

pub(super) async fn a_command_ends_as_it_ends(bench: &Bench) -> Outcome {
    start(bench).await?;
    let seen = |result: &ExecResult| (result.end, result.stdout.to_vec(), result.truncated);
    for (command, (code, stdout, truncated)) in [
        (&["true"][..], (0, "", false)),
        (&["false"], (1, "", false)),
        (&["echo", "a  b"], (0, "a  b\n", false)),
        (&["echo", "0123456789"], (0, "01234567", true)),
    ] {
        let result = exec(bench, "web", Some("web"), command, AMPLE).await?;
        same(&seen(&result), &(ExecEnd::Exited(code), stdout.into(), truncated))?;
        ensure(result.stderr.is_empty(), || format!("{command:?} wrote {:?}", result.stderr))?;
    }
    let result = exec(bench, "web", None, &["true"], AMPLE).await?;
    ensure(result.succeeded(), || "the first container is the default".into())?;
    let result = exec(bench, "web", None, &["sleep", "600"], Duration::from_secs(2)).await?;
    same(&result.end, &ExecEnd::TimedOut)
}

pub(super) async fn a_command_that_cannot_run_is_refused(bench: &Bench) -> Outcome {
    start(bench).await?;
    create(bench, "nowhere", json!({"nodeSelector": {"conformance": "nowhere"}})).await?;
    for (pod, container, command, kind, words) in [
        ("none", None, "true", ErrorKind::NotFound, "pods \"none\" not found"),
        ("web", Some("none"), "true", ErrorKind::Invalid, "none"),
        ("nowhere", None, "true", ErrorKind::Invalid, "does not have a host assigned"),
        ("web", None, "/no/such/program", ErrorKind::Other, "no such file or directory"),
    ] {
        let error = refused(exec(bench, pod, container, &[command], AMPLE).await, kind)?;
        ensure(error.is_a_judgement(), || format!("it is no state of the server: {error}"))?;
        ensure(error.message.contains(words), || error.to_string())?;
        ensure(error.action.starts_with("run a command in pod"), || error.action.clone())?;
    }
    Ok(())
}

/// Starts the pod `web`, and waits until it runs.
async fn start(bench: &Bench) -> Outcome {
    let accounts = ResourceType::addressed("", "v1", "serviceaccounts", "ServiceAccount", true);
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    match bench.cluster.create(&bench.at(accounts, "default"), &account, WriteOptions::default()).await {
        Err(error) if error.kind != ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let at = create(bench, "web", json!({})).await?;
    until(bench.cluster.as_ref(), &at, SETTLED, conditions::phase(&["Running"])).await?;
    Ok(())
}

async fn create(bench: &Bench, name: &str, more: Value) -> Result<ObjectRef> {
    let at = bench.at(ResourceType::addressed("", "v1", "pods", "Pod", true), name);
    let container =
        json!({"name": "web", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sleep", "3600"]});
    let mut spec = json!({"containers": [container], "terminationGracePeriodSeconds": 0});
    for (field, value) in more.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
    bench.cluster.create(&at, &pod, WriteOptions::default()).await?;
    Ok(at)
}

async fn exec(
    bench: &Bench,
    name: &str,
    container: Option<&str>,
    command: &[&str],
    timeout: Duration,
) -> Result<ExecResult> {
    let pod = PodRef {
        namespace: bench.namespace.clone(),
        name: name.to_owned(),
        container: container.map(str::to_owned),
    };
    let command = command.iter().map(ToString::to_string).collect();
    bench.cluster.exec(&ExecRequest { pod, command, timeout, output_max: 8 }).await
}
