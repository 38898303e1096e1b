//! `ServerStatusRequest`: the question which server is there.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::kind::{Column, kind};
use crate::wire::{wire_enum, wire_struct};

kind! {
    /// The question which server is there.
    pub struct ServerStatusRequest {
        const GROUP = "velero.io";
        const VERSION = "v1";
        const PLURAL = "serverstatusrequests";
        const SHORT_NAMES = ["ssr"];
        const COLUMNS = [
            Column::new("Status", "string", ".status.phase").about("Where the request is in its life"),
            Column::new("Server Version", "string", ".status.serverVersion").about("The version of the server"),
            Column::new("Processed", "date", ".status.processedTimestamp").about("When the server answered"),
            Column::AGE,
        ];
        /// Nothing.
        spec: ServerStatusRequestSpec,
        /// The answer.
        status: ServerStatusRequestStatus,
    }
}

wire_struct! {
    /// Nothing: the request says all by being there.
    pub struct ServerStatusRequestSpec
}

wire_enum! {
    /// Where a status request is in its life.
    pub enum ServerStatusRequestPhase {
        /// Nobody has looked at it.
        New = "New",
        /// Answered.
        Processed = "Processed",
    }
}

impl ServerStatusRequestPhase {
    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        self == Self::Processed
    }
}

wire_struct! {
    /// The answer of a server.
    pub struct ServerStatusRequestStatus
    nullable {
        /// When the server answered.
        processed_timestamp: Option<Time>,
        /// The plugins it has.
        plugins: Vec<PluginInfo>,
    }
    optional {
        /// Where the request is in its life.
        phase: ServerStatusRequestPhase,
        /// The version of the server.
        server_version: String,
    }
}

wire_struct! {
    /// A plugin of the server.
    pub struct PluginInfo
    required {
        /// Its name.
        name: String,
        /// What it is.
        kind: String,
    }
}
