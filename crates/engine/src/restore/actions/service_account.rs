//! Service accounts: the token secrets that the controller made for them, and makes again.

use serde_json::Value;

use super::{Action, drop_where};
use crate::document::{list, name, remove, text};
use crate::restore::transform::Context;

pub(super) const ACTION: Action =
    Action { name: "velero.io/service-account", resources: &["serviceaccounts"], run };

fn run(document: &mut Value, _: &Context<'_>) {
    let before = list(document, &["secrets"]).len();
    let prefix = format!("{}-token-", name(document));
    drop_where(document, &["secrets"], |secret| text(secret, &["name"]).starts_with(&prefix));
    if before > 0 && list(document, &["secrets"]).is_empty() {
        remove(document, &["secrets"]);
    }
}
