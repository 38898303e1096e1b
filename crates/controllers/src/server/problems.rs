//! What can be wrong with locations and requests.

use engine::problem::Code;

/// The store does not answer.
pub const UNREACHABLE: Code = Code {
    id: "SLV-3101",
    title: "the object store cannot be reached",
    remedy: "Check the address of the location (config.s3Url, region), DNS and network policies.",
};
/// The store refuses the credentials.
pub const DENIED: Code = Code {
    id: "SLV-3102",
    title: "the object store refuses the credentials",
    remedy: "Check the Secret that spec.credential names, and what its account may do with the bucket.",
};
/// The bucket is not there.
pub const NO_BUCKET: Code = Code {
    id: "SLV-3103",
    title: "the bucket does not exist",
    remedy: "Create the bucket, or correct spec.objectStorage.bucket and the region.",
};
/// The store's certificate is not trusted.
pub const CERTIFICATE: Code = Code {
    id: "SLV-3104",
    title: "the object store's certificate is not trusted",
    remedy: "Give the certificate of its authority in spec.objectStorage.caCertRef.",
};
/// The location contradicts itself, or names what is not there.
pub const CONFIGURATION: Code = Code {
    id: "SLV-3105",
    title: "the location's configuration is wrong",
    remedy: "Correct what the message names.",
};
/// The bucket holds other things at its root.
pub const LAYOUT: Code = Code {
    id: "SLV-3106",
    title: "the bucket holds folders that are not of backups",
    remedy: "Use a bucket, or a prefix in it, that holds nothing else.",
};
/// Anything else that the store says.
pub const STORE: Code =
    Code { id: "SLV-3107", title: "the object store failed", remedy: "See the message; it is tried again." };
/// The location works, with something that the user should know.
pub const QUESTIONABLE: Code = Code {
    id: "SLV-3108",
    title: "the location works, but its configuration is questionable",
    remedy: "Correct what the message names, if it is not meant so.",
};
/// A backup in the bucket is not what was written there.
pub const ALTERED: Code = Code {
    id: "SLV-3109",
    title: "a backup was altered after it was written",
    remedy: "The backup is not imported. Restore its files from a copy of the bucket, or delete its folder.",
};
/// A backup in the bucket cannot be read.
pub const UNREADABLE: Code = Code {
    id: "SLV-3110",
    title: "a backup in the bucket cannot be read",
    remedy: "The backup is not imported. Restore its files from a copy of the bucket, or delete its folder.",
};
/// A download was asked for that cannot be had.
pub const NO_DOWNLOAD: Code = Code {
    id: "SLV-5101",
    title: "the file cannot be downloaded",
    remedy: "Check the names of the backup or restore and of its location.",
};
/// The files of a restore could not be deleted in time.
pub const LEFT_BEHIND: Code = Code {
    id: "SLV-5102",
    title: "files of a restore were left in the bucket",
    remedy: "Delete the folder that the message names, once its location is available.",
};

/// An operation failed again and again, until it was given up.
pub const GIVEN_UP: Code = Code {
    id: "SLV-5103",
    title: "given up after failing again and again",
    remedy: "Put right what the message names, then ask for the backup or restore again.",
};
/// An operation could not go on.
pub const TRIED_AGAIN: Code = Code {
    id: "SLV-5104",
    title: "could not go on for now",
    remedy: "It goes on by itself once what the message names is put right.",
};

/// All of them.
pub const ALL: &[Code] = &[
    UNREACHABLE,
    DENIED,
    NO_BUCKET,
    CERTIFICATE,
    CONFIGURATION,
    LAYOUT,
    STORE,
    QUESTIONABLE,
    ALTERED,
    UNREADABLE,
    NO_DOWNLOAD,
    LEFT_BEHIND,
    GIVEN_UP,
    TRIED_AGAIN,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_say_what_to_do() {
        for (index, code) in ALL.iter().enumerate() {
            assert!(ALL[index + 1..].iter().all(|other| other.id != code.id), "{}", code.id);
            assert!(code.id.starts_with("SLV-") && !code.remedy.is_empty());
        }
    }
}
