//! Layers out of Debian packages.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Layer, short_digest};
use crate::command::run;
use crate::progress::Progress;

/// What no container reads.
const LEFT_OUT: &[&str] =
    &["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*"];

/// A small Debian with a shell and the certificates of public authorities.
pub fn base(progress: Progress) -> Result<Layer> {
    layer("base", &["ca-certificates"], progress)
}

/// A small Debian with these packages. Made once for a list of packages.
pub(super) fn layer(name: &str, packages: &[&str], progress: Progress) -> Result<Layer> {
    let suite = suite(&fs::read_to_string("/etc/os-release").context("failed to read /etc/os-release")?);
    let depends_on = format!("{suite} {packages:?} {LEFT_OUT:?}");
    Layer::cached(&format!("{name}-{}", short_digest(depends_on.as_bytes())), |path| {
        progress.block(&format!("image base {name}"), || bootstrap(&suite, packages, path))
    })
}

fn bootstrap(suite: &str, packages: &[&str], path: &Path) -> Result<()> {
    let mut arguments =
        vec!["--quiet".to_owned(), "--variant=essential".to_owned(), "--format=tar".to_owned()];
    arguments.push(format!("--include={}", packages.join(",")));
    arguments.extend(LEFT_OUT.iter().map(|pattern| format!("--dpkgopt=path-exclude={pattern}")));
    arguments.extend([suite.to_owned(), path.display().to_string()]);
    run("mmdebstrap", arguments).map(drop)
}

/// The release of Debian that this machine runs; the one it was tried with where it runs none.
fn suite(release: &str) -> String {
    let value = |name: &str| release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let debian = value("ID") == Some("debian");
    value("VERSION_CODENAME").filter(|_| debian).unwrap_or("bookworm").trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_suite_is_this_machines_only_on_debian() {
        assert_eq!(suite("ID=debian\nVERSION_CODENAME=trixie\n"), "trixie");
        assert_eq!(suite("ID=ubuntu\nVERSION_CODENAME=noble\n"), "bookworm");
        assert_eq!(suite(""), "bookworm");
    }
}
