//! Which role a process plays.

use std::path::Path;

use crate::cli;
use crate::exit::Exit;
use crate::{operator, prepare, server};

/// A role: takes the arguments that follow its name.
type Role = fn(Vec<String>) -> Exit;

/// The roles that are no commands of a terminal, by their first argument.
const ROLES: &[(&str, Role)] =
    &[("server", server::main), ("operator", operator::main), ("prepare-locations", prepare::main)];

/// Runs the role that the arguments ask for. `arguments[0]` is the name the program was called by.
pub fn run(arguments: Vec<String>) -> Exit {
    let called = called_by(&arguments);
    let first = arguments.get(1).map(String::as_str).unwrap_or_default();
    match ROLES.iter().find(|(name, _)| *name == first) {
        Some((_, role)) => role(arguments.into_iter().skip(2).collect()),
        None => cli::run(&called, arguments.into_iter().skip(1).collect()),
    }
}

/// The name that the program was called by: `salvor`, or `velero`, `kubectl-oadp`, `oc-oadp` through a link.
fn called_by(arguments: &[String]) -> String {
    let path = arguments.first().map(Path::new);
    path.and_then(Path::file_stem).map_or_else(|| "salvor".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_last_part_of_the_path() {
        for (path, name) in [("/velero", "velero"), ("kubectl-oadp", "kubectl-oadp"), ("./salvor", "salvor")]
        {
            assert_eq!(called_by(&[path.to_owned()]), name);
        }
        assert_eq!(called_by(&[]), "salvor");
    }
}
