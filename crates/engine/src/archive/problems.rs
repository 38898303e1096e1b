//! Problems with the content of an archive.

use crate::problem::Code;

/// An entry holds no JSON object.
pub const BAD_DOCUMENT: Code = Code {
    id: "SLV-1801",
    title: "damaged document in the archive",
    remedy: "Restore the object from another backup, or repair its file in the archive.",
};
/// An entry has a path that means nothing.
pub const STRANGE_PATH: Code = Code {
    id: "SLV-1802",
    title: "unexpected file in the archive",
    remedy: "Find out what wrote them: nothing that Velero or Salvor writes has such a path.",
};

/// Every code of this area.
pub const ALL: &[Code] = &[BAD_DOCUMENT, STRANGE_PATH];
