//! How a tree is restored, and which part of it.

/// What becomes of files that are there already. Folders are kept, and a folder is never replaced by a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Existing {
    /// They are replaced.
    #[default]
    Replace,
    /// Those with the same size, time, owner and permissions are kept, so that a restore that broke off goes on; others are replaced.
    KeepUnchanged,
    /// They are kept.
    Keep,
}

/// How a tree is restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How many packs are read and files are written at once.
    pub threads: usize,
    /// What becomes of files that are there already.
    pub existing: Existing,
    /// The paths below the root that are restored, with all below them; if there are none, everything.
    pub select: Vec<String>,
    /// Deletes what is in the target and not in the tree, in those folders that are restored as a whole.
    pub delete_extra: bool,
    /// Leaves holes where there are only zeros.
    pub is_sparse: bool,
    /// Goes on where owners, permissions or times may not be set.
    pub ignore_permission_errors: bool,
    /// The target itself keeps the owner, the permissions and the time that it has.
    pub keep_root: bool,
    /// What is added to every owner.
    pub uid_shift: i32,
    /// What is added to every group.
    pub gid_shift: i32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            threads: 6,
            existing: Existing::default(),
            select: Vec::new(),
            delete_extra: false,
            is_sparse: false,
            ignore_permission_errors: false,
            keep_root: false,
            uid_shift: 0,
            gid_shift: 0,
        }
    }
}

/// Whether something is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Selected {
    /// With all below it.
    Whole,
    /// Something below it is.
    Part,
    No,
}

/// Whether a path is among those that are selected.
pub(super) fn selected(select: &[String], path: &[u8]) -> Selected {
    if select.is_empty() {
        return Selected::Whole;
    }
    let lies_below = |path: &[u8], above: &[u8]| {
        above.is_empty()
            || path.strip_prefix(above).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
    };
    let wanted = || select.iter().map(|one| one.trim_matches('/').as_bytes());
    if wanted().any(|one| lies_below(path, one)) {
        Selected::Whole
    } else if wanted().any(|one| lies_below(one, path)) {
        Selected::Part
    } else {
        Selected::No
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_selected_with_what_is_below_and_above_them() {
        let select = ["a/b".to_owned(), "/c/".to_owned()];
        for (path, expected) in [
            ("", Selected::Part),
            ("a", Selected::Part),
            ("a/b", Selected::Whole),
            ("a/b/c", Selected::Whole),
            ("a/bc", Selected::No),
            ("c", Selected::Whole),
            ("cd", Selected::No),
        ] {
            assert_eq!(selected(&select, path.as_bytes()), expected, "{path}");
        }
        assert_eq!(selected(&[], b"a"), Selected::Whole);
        assert_eq!(selected(&["/".to_owned()], b"a"), Selected::Whole);
    }
}
