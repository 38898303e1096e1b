//! `Schedule`: when to make backups, and which.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::backup::BackupSpec;
use crate::kind::{Column, kind};
use crate::wire::{wire_enum, wire_struct};

kind! {
    /// When to make backups, and which.
    pub struct Schedule {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "schedules";
        const SHORT_NAMES = ["sched"];
        const COLUMNS = [
            Column::new("Status", "string", ".status.phase").about("Whether the schedule works"),
            Column::new("Schedule", "string", ".spec.schedule").about("When backups are made"),
            Column::new("LastBackup", "date", ".status.lastBackup").about("When the last backup was made"),
            Column::AGE,
            Column::new("Paused", "boolean", ".spec.paused"),
        ];
        /// When, and which.
        spec: ScheduleSpec,
        /// How it goes.
        status: ScheduleStatus,
    }
}

wire_struct! {
    /// When to make backups, and which.
    pub struct ScheduleSpec
    required {
        /// The backups to make.
        template: BackupSpec,
        /// When, as a cron expression.
        schedule: String,
    }
    nullable {
        /// Whether the backups are owned by the schedule and go with it.
        use_owner_references_in_backup: Option<bool>,
    }
    optional {
        /// Whether no backups are made.
        paused: bool,
        /// Whether a backup that is due at once is left out; absent for the server's default.
        skip_immediately: Option<bool>,
    }
}

wire_enum! {
    /// Whether a schedule works.
    pub enum SchedulePhase {
        /// Nobody has looked at it.
        New = "New",
        /// It works.
        Enabled = "Enabled",
        /// It makes no sense; `validationErrors` says why.
        FailedValidation = "FailedValidation",
    }
}

wire_struct! {
    /// How a schedule goes.
    pub struct ScheduleStatus
    nullable {
        /// When the last backup was made.
        last_backup: Option<Time>,
        /// When a backup was last left out.
        last_skipped: Option<Time>,
    }
    optional {
        /// Whether it works.
        phase: SchedulePhase,
        /// Why it does not.
        validation_errors: Vec<String>,
    }
}
