//! What can go wrong with hooks.

use super::Kind;
use crate::problem::Code;

/// The codes of the hooks of backups, or of restores.
pub(super) struct Codes {
    pub(super) failed: Code,
    pub(super) cannot_run: Code,
    pub(super) cut_off: Code,
    pub(super) unread: Code,
}

/// The codes of a kind of hooks.
pub(super) fn of(kind: Kind) -> &'static Codes {
    match kind {
        Kind::Pre | Kind::Post => &BACKUP,
        Kind::Restored => &RESTORE,
    }
}

const BACKUP: Codes = Codes {
    failed: Code {
        id: "SLV-1150",
        title: "hook failed",
        remedy: "See the hook's output in the log of the backup, put right what it says, and back up again.",
    },
    cannot_run: Code {
        id: "SLV-1151",
        title: "hook cannot run",
        remedy: "Correct the container or the command in the annotation or in spec.hooks, and back up again.",
    },
    cut_off: Code {
        id: "SLV-1152",
        title: "hook cut off",
        remedy: "The pod's post hooks were run. See that the application is well, and back up again.",
    },
    unread: Code {
        id: "SLV-1153",
        title: "unreadable setting of a hook",
        remedy: "Correct the annotation: times are written like 30s, on-error is Fail or Continue.",
    },
};

/// A post hook was begun a second time.
pub const POST_HOOK_AGAIN: Code = Code {
    id: "SLV-1154",
    title: "post hook may have run twice",
    remedy: "Nothing, if releasing the application twice does no harm; else see that it is well.",
};

const RESTORE: Codes = Codes {
    failed: Code {
        id: "SLV-2080",
        title: "restore hook failed",
        remedy: "See the hook's output in the log of the restore, put right what it says, and run its command by hand.",
    },
    cannot_run: Code {
        id: "SLV-2081",
        title: "restore hook cannot run",
        remedy: "Run the command by hand, and correct the container or the command in the annotation or in spec.hooks.",
    },
    cut_off: Code {
        id: "SLV-2082",
        title: "restore hook cut off",
        remedy: "See in the application whether the command did its work; if not, run it by hand.",
    },
    unread: Code {
        id: "SLV-2083",
        title: "unreadable setting of a restore hook",
        remedy: "Correct the annotation: times are written like 30s, on-error is Fail or Continue, wait-for-ready is true or false.",
    },
};

/// The container that a restore hook runs in was not there in time.
pub const TOO_LATE: Code = Code {
    id: "SLV-2084",
    title: "container of a restore hook not there in time",
    remedy: "See why the pod does not come up; then run the hook's command by hand. A longer wait-timeout waits longer.",
};

/// Every code of hooks.
pub const ALL: &[Code] = &[
    BACKUP.failed,
    BACKUP.cannot_run,
    BACKUP.cut_off,
    BACKUP.unread,
    POST_HOOK_AGAIN,
    RESTORE.failed,
    RESTORE.cannot_run,
    RESTORE.cut_off,
    RESTORE.unread,
    TOO_LATE,
];
