//! What the annotations of a pod ask for.

use api::GoDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::OnError;
use crate::document::annotation;

/// Annotations of hooks before a backup; those without `pre.` are older.
const PRE: [&str; 2] = ["pre.hook.backup.velero.io/", "hook.backup.velero.io/"];
/// Annotations of hooks after a backup.
const POST: &str = "post.hook.backup.velero.io/";
/// Annotations of hooks after a restore.
const RESTORED: &str = "post.hook.restore.velero.io/";

/// The commands that a pod asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Annotated {
    /// Before its backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pre: Option<Written>,
    /// After its backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post: Option<Written>,
    /// After its restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored: Option<Written>,
}

/// One command as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Written {
    /// The container; empty for the first one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// What a failure means, where somebody says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_error: Option<OnError>,
    /// How long it may take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<GoDuration>,
    /// How long to wait for the container of a restored pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait_timeout: Option<GoDuration>,
    /// Whether to wait until that is ready, not only until it runs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub wait_for_ready: bool,
    /// Annotations whose values mean nothing: it is as if they were not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
}

impl Annotated {
    /// What the annotations of a pod ask for; `None` for the many pods that ask for nothing.
    pub fn of(pod: &Value) -> Option<Self> {
        let annotated = Self {
            pre: PRE.iter().find_map(|prefix| written(pod, prefix)),
            post: written(pod, POST),
            restored: written(pod, RESTORED),
        };
        (annotated != Self::default()).then_some(annotated)
    }
}

fn written(pod: &Value, prefix: &'static str) -> Option<Written> {
    let mut reader = Reader { pod, prefix, unread: Vec::new() };
    let command = command(reader.text("command")?);
    let written = Written {
        container: reader.text("container").unwrap_or_default().to_owned(),
        command,
        on_error: reader.read("on-error", on_error),
        timeout: reader.read(if prefix == RESTORED { "exec-timeout" } else { "timeout" }, duration),
        wait_timeout: reader.read("wait-timeout", duration),
        wait_for_ready: reader.read("wait-for-ready", yes_or_no).unwrap_or_default(),
        unread: Vec::new(),
    };
    // No time at all stands for the default.
    let some = |time: Option<GoDuration>| time.filter(|time| !time.is_zero());
    Some(Written {
        timeout: some(written.timeout),
        wait_timeout: some(written.wait_timeout),
        unread: reader.unread,
        ..written
    })
}

/// Reads the annotations of one hook, and notes those that mean nothing.
struct Reader<'a> {
    pod: &'a Value,
    prefix: &'static str,
    unread: Vec<String>,
}

impl<'a> Reader<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        annotation(self.pod, &format!("{}{name}", self.prefix)).filter(|text| !text.is_empty())
    }

    fn read<T>(&mut self, name: &str, meaning: fn(&str) -> Option<T>) -> Option<T> {
        let text = self.text(name)?;
        let meant = meaning(text);
        if meant.is_none() {
            self.unread.push(format!("{}{name}={text}", self.prefix));
        }
        meant
    }
}

/// A JSON list of strings is a program and its arguments; any other text is a program.
pub(super) fn command(text: &str) -> Vec<String> {
    let list = text.starts_with('[').then(|| serde_json::from_str(text).ok()).flatten();
    list.unwrap_or_else(|| vec![text.to_owned()])
}

fn on_error(text: &str) -> Option<OnError> {
    match text {
        "Fail" => Some(OnError::Fail),
        "Continue" => Some(OnError::Continue),
        _ => None,
    }
}

fn duration(text: &str) -> Option<GoDuration> {
    text.parse().ok().filter(|time| *time >= GoDuration::ZERO)
}

/// As Go reads booleans.
fn yes_or_no(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "True" | "TRUE" => Some(true),
        "0" | "f" | "F" | "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn annotated(annotations: Value) -> Option<Annotated> {
        Annotated::of(&json!({"metadata": {"annotations": annotations}}))
    }

    #[test]
    fn a_command_is_a_list_or_one_word() {
        for (text, words) in [
            ("/bin/sync", vec!["/bin/sync"]),
            ("echo hello", vec!["echo hello"]),
            (r#"["sh", "-c", "a b"]"#, vec!["sh", "-c", "a b"]),
            ("[ -e /x ]", vec!["[ -e /x ]"]),
            ("[]", vec![]),
        ] {
            assert_eq!(command(text), words, "{text}");
        }
    }

    #[test]
    fn a_hook_without_a_phase_runs_before_the_backup() {
        let old = annotated(
            json!({"hook.backup.velero.io/command": "old", "hook.backup.velero.io/container": "c"}),
        );
        let old = old.unwrap();
        assert_eq!((old.pre.unwrap().container.as_str(), old.post), ("c", None));
        let both =
            json!({"hook.backup.velero.io/command": "old", "pre.hook.backup.velero.io/command": "new"});
        assert_eq!(annotated(both).unwrap().pre.unwrap().command, ["new"]);
        assert_eq!(annotated(json!({"pre.hook.backup.velero.io/container": "c"})), None);
    }

    #[test]
    fn what_means_nothing_is_named_and_left_to_the_defaults() {
        let found = annotated(json!({
            "post.hook.backup.velero.io/command": "thaw", "post.hook.backup.velero.io/timeout": "soon",
            "post.hook.backup.velero.io/on-error": "Ignore",
        }));
        let post = found.unwrap().post.unwrap();
        assert_eq!((post.timeout, post.on_error), (None, None));
        let unread =
            ["post.hook.backup.velero.io/on-error=Ignore", "post.hook.backup.velero.io/timeout=soon"];
        assert_eq!(post.unread, unread);
    }

    #[test]
    fn a_restored_pod_says_how_long_to_wait_for_it() {
        let found = annotated(json!({
            "post.hook.restore.velero.io/command": "load", "post.hook.restore.velero.io/exec-timeout": "1m",
            "post.hook.restore.velero.io/wait-timeout": "0", "post.hook.restore.velero.io/wait-for-ready": "t",
            "post.hook.restore.velero.io/on-error": "Continue",
        }));
        let expected = Written {
            command: vec!["load".into()],
            on_error: Some(OnError::Continue),
            timeout: Some(GoDuration::from_mins(1)),
            wait_for_ready: true,
            ..Written::default()
        };
        assert_eq!(found.unwrap().restored, Some(expected));
    }
}
