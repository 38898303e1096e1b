//! Folders on this machine: the checkout, and the cache that outlives it.

use std::env;
use std::path::{Path, PathBuf};

/// The root of the checkout that this was compiled from.
pub fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Where built binaries and images are kept, outside the checkout.
pub fn cache() -> PathBuf {
    cache_from(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))
}

fn cache_from(variable: impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let root = variable("SALVOR_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME"))
        .or_else(|| variable("HOME").map(|home| home.join(".cache")))
        .unwrap_or_else(|| PathBuf::from("/var/cache"));
    root.join("salvor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_follows_the_first_variable_that_is_set() {
        let cases: [(&[(&str, &str)], &str); 4] = [
            (&[("SALVOR_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], "/a/salvor"),
            (&[("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], "/b/salvor"),
            (&[("HOME", "/c")], "/c/.cache/salvor"),
            (&[], "/var/cache/salvor"),
        ];
        for (set, expected) in cases {
            let lookup = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| PathBuf::from(v));
            assert_eq!(cache_from(lookup), Path::new(expected), "{set:?}");
        }
    }

    #[test]
    fn the_workspace_holds_the_pinned_tools() {
        assert!(workspace().join("tools/kubernetes/go.mod").is_file());
    }
}
