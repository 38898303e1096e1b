//! Hooks: commands that run in pods around their backup and after their restore, and init containers that restored
//! pods get.
//!
//! Annotations of a pod win over the spec. What they ask for is resolved when the plan is made: which container, which
//! command, how long. An executor asks [`backup::next`] or [`restore::next`] about each hook in the order of the plan,
//! writes down that it begins, runs it, and writes down how it ended. A hook whose end is in the journal never runs
//! again. One that has begun and has no end was cut off: nobody knows whether it ran. See the two for what follows.

pub mod annotations;
pub mod backup;
mod filter;
pub mod init;
mod outcome;
pub mod problems;
pub mod restore;

use api::GoDuration;
use api::meta::{GroupResource, ObjectKey};
use api::velero::v1::HookErrorMode;
use serde::{Deserialize, Serialize};

pub use filter::{of_backup as check_backup, of_restore as check_restore};
pub use outcome::{Counts, End, Ended, Outcome, Run, Said, Steps, lines};

use crate::facts::PodDetails;
use annotations::Written;

/// How long a command may take where nobody says.
pub const TIMEOUT: GoDuration = GoDuration::from_secs(30);

/// When a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Before the data of the pod's volumes is taken.
    Pre,
    /// After that: it releases what the pre hook brought to rest.
    Post,
    /// Once the pod is back.
    Restored,
}

impl Kind {
    /// What a failure means where nobody says, as it is documented for hooks of backups and for those of restores.
    fn on_error(self) -> OnError {
        match self {
            Self::Pre | Self::Post => OnError::Fail,
            Self::Restored => OnError::Continue,
        }
    }

    /// What it is called in sentences.
    pub fn words(self) -> &'static str {
        match self {
            Self::Pre => "pre hook",
            Self::Post => "post hook",
            Self::Restored => "restore hook",
        }
    }
}

/// What a failure of a command means for the commands after it. It is an error of the operation in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OnError {
    /// The hooks of the pod that come after it are not run.
    #[default]
    Fail,
    /// They are run.
    Continue,
}

impl From<HookErrorMode> for OnError {
    fn from(mode: HookErrorMode) -> Self {
        match mode {
            HookErrorMode::Continue => Self::Continue,
            _ => Self::Fail,
        }
    }
}

/// Who asks for a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The pod's annotations.
    Annotation,
    /// The entry of this name in the spec.
    Spec(String),
}

/// Why a command cannot run, whatever happens until its turn comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unfit {
    /// The pod has ended: nothing in it needs to be brought to rest.
    Ended,
    /// The pod has no such container.
    NoContainer,
    /// The command is empty.
    NoCommand,
}

/// A command in a container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Exec {
    /// When it runs.
    pub kind: Kind,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How long it may take.
    pub timeout: GoDuration,
    /// What a failure means.
    #[serde(default)]
    pub on_error: OnError,
    /// Who asks for it.
    pub source: Source,
    /// Why it cannot run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<Unfit>,
}

/// A pod that hooks are looked for.
struct Pod<'a> {
    namespace: &'a str,
    name: &'a str,
    ended: bool,
    details: &'a PodDetails,
}

impl Exec {
    /// What is written, resolved for a pod.
    fn of(kind: Kind, pod: &Pod<'_>, written: &Written, source: Source) -> Self {
        let first = || pod.details.containers.first().cloned().unwrap_or_default();
        let container = Some(written.container.clone()).filter(|name| !name.is_empty()).unwrap_or_else(first);
        let unfit = if pod.ended {
            Some(Unfit::Ended)
        } else if !pod.details.containers.contains(&container) {
            Some(Unfit::NoContainer)
        } else {
            written.command.is_empty().then_some(Unfit::NoCommand)
        };
        Self {
            kind,
            namespace: pod.namespace.to_owned(),
            pod: pod.name.to_owned(),
            container,
            command: written.command.clone(),
            timeout: written.timeout.unwrap_or(TIMEOUT),
            on_error: written.on_error.unwrap_or_else(|| kind.on_error()),
            source,
            unfit,
        }
    }

    /// The pod.
    pub fn key(&self) -> ObjectKey {
        ObjectKey::new(GroupResource::new("", "pods"), Some(&self.namespace), &self.pod)
    }

    /// Whether both run in one pod.
    fn shares_pod(&self, other: &Self) -> bool {
        (&self.namespace, &self.pod) == (&other.namespace, &other.pod)
    }

    /// `pre hook of pod shop/db-0, container db,`: how sentences about it begin.
    fn words(&self) -> String {
        let Self { kind, namespace, pod, container, .. } = self;
        format!("the {} of pod {namespace}/{pod}, container {container},", kind.words())
    }
}

#[cfg(test)]
mod tests;
