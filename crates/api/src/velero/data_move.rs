//! What the four resources that move the data of a volume have in common.

use crate::wire::{wire_enum, wire_struct};

wire_enum! {
    /// Where the movement of a volume's data is in its life.
    pub enum DataMovePhase {
        /// Made, and nobody has it.
        New = "New",
        /// A node has it and prepares the volume.
        Accepted = "Accepted",
        /// The volume is ready to be read or written.
        Prepared = "Prepared",
        /// Data moves.
        InProgress = "InProgress",
        /// Asked to stop, and not stopped yet.
        Canceling = "Canceling",
        /// Stopped as asked.
        Canceled = "Canceled",
        /// All data is where it should be.
        Completed = "Completed",
        /// It could not be done; the message says why.
        Failed = "Failed",
    }
}

impl DataMovePhase {
    /// Whether nothing more will happen.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Canceled | Self::Completed | Self::Failed)
    }
}

wire_struct! {
    /// How far the movement of a volume's data is.
    pub struct DataMoveProgress
    optional {
        /// Bytes done so far.
        bytes_done: i64,
        /// Bytes there are, as far as known.
        total_bytes: i64,
    }
}

wire_enum! {
    /// The format of a repository and what moves data into it.
    pub enum UploaderType {
        /// Not said, as in objects from before there was a choice: restic.
        Unspecified = "",
        /// Kopia.
        Kopia = "kopia",
        /// Restic.
        Restic = "restic",
    }
}

wire_enum! {
    /// The operating system of a node.
    pub enum NodeOs {
        /// Whatever fits.
        Auto = "auto",
        /// Linux.
        Linux = "linux",
        /// Windows.
        Windows = "windows",
    }
}
