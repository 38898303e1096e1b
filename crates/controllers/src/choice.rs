//! What a restore takes of its archive, beyond what its spec says: the filters of its resource policy, and the API versions
//! that users prefer. ConfigMaps of the server's namespace say so. The policy is read when a Restore is validated, and once
//! more when its plan is made, from which on nobody needs either of them.

use api::velero::v1::RestoreSpec;
use engine::policy::{Filter, Source};
use engine::problem::{Problem, Severity};
use engine::restore::Request;
use engine::restore::problems::POLICY_CHANGED;
use engine::restore::versions::{CONFIG_MAP, Preferences};

use crate::deps::Deps;
use crate::error::{Error, Result};
use crate::objects::find_config_map;

/// What the resource policy of a restore selects, or everything that is wrong with it.
pub(crate) async fn policy(
    deps: &Deps,
    spec: &RestoreSpec,
) -> Result<std::result::Result<Filter, Vec<String>>> {
    let named = spec.resource_policy.as_ref().filter(|of| of.kind.eq_ignore_ascii_case("configmap"));
    let Some(named) = named else { return Ok(Ok(Filter::default())) };
    let document = find_config_map(deps, &named.name).await?;
    Ok(Source { name: named.name.clone(), document }.filter())
}

/// A request with what its resource policy selects.
pub(crate) async fn complete(deps: &Deps, request: &Request) -> Result<Request> {
    match policy(deps, &request.spec).await? {
        Ok(policy) => Ok(Request { policy, ..request.clone() }),
        Err(reasons) => {
            let problem = Problem::new(&POLICY_CHANGED, Severity::Error, reasons.join("; "));
            Err(Error::Refused(Box::new(problem)))
        }
    }
}

/// The API versions to restore in, where the server chooses among those of an archive at all, and what is wrong with the
/// list of them.
pub(crate) async fn versions(deps: &Deps) -> Result<(Option<Preferences>, Vec<Problem>)> {
    if !deps.config.every_version() {
        return Ok((None, Vec::new()));
    }
    let config_map = find_config_map(deps, CONFIG_MAP).await?;
    let (preferences, problems) = Preferences::read(config_map.as_ref());
    Ok((Some(preferences), problems))
}
