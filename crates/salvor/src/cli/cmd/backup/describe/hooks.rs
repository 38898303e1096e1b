//! The hooks of a backup's spec, one by one.

use api::velero::v1::{BackupHooks, BackupResourceHook, BackupResourceHookSpec};
use serde_json::{Map, Value, json};

use crate::cli::sheet::Sheet;
use crate::cli::text::{joined, selector};

/// Adds the hooks.
pub(super) fn describe(sheet: &mut Sheet, hooks: &BackupHooks) {
    if hooks.resources.is_empty() {
        sheet.pair(0, "Hooks", "<none>").blank();
        return;
    }
    sheet.line("Hooks:").line("\tResources:");
    for entry in &hooks.resources {
        sheet.line(format!("\t\t{}:", entry.name)).line("\t\t\tNamespaces:");
        sheet.pair(4, "Included", joined(&entry.included_namespaces, "*"));
        sheet
            .pair(4, "Excluded", joined(&entry.excluded_namespaces, "<none>"))
            .blank()
            .line("\t\t\tResources:");
        sheet.pair(4, "Included", joined(&entry.included_resources, "*"));
        sheet.pair(4, "Excluded", joined(&entry.excluded_resources, "<none>")).blank();
        sheet.pair(3, "Label selector", selector(entry.label_selector.as_ref()));
        for (label, BackupResourceHook { exec }) in labelled(entry) {
            sheet.blank().line(format!("\t\t\t{label}:")).pair(4, "Container", &exec.container);
            sheet.pair(4, "Command", exec.command.join(" ")).pair(4, "On Error", exec.on_error);
            sheet.pair(4, "Timeout", exec.timeout);
        }
    }
    sheet.blank();
}

fn labelled(entry: &BackupResourceHookSpec) -> impl Iterator<Item = (&'static str, &BackupResourceHook)> {
    let pre = entry.pre_hooks.iter().map(|hook| ("Pre Exec Hook", hook));
    pre.chain(entry.post_hooks.iter().map(|hook| ("Post Exec Hook", hook)))
}

/// The hooks as JSON; nothing where there are none.
pub(super) fn as_json(hooks: &BackupHooks) -> Option<Value> {
    let entries = hooks.resources.iter().map(|entry| {
        let described = json!({
            "namespaces": {
                "included": joined(&entry.included_namespaces, "*"),
                "excluded": joined(&entry.excluded_namespaces, "<none>"),
            },
            "resources": {
                "included": joined(&entry.included_resources, "*"),
                "excluded": joined(&entry.excluded_resources, "<none>"),
            },
            "labelSelector": selector(entry.label_selector.as_ref()),
            "preExecHook": commands(&entry.pre_hooks),
            "postExecHook": commands(&entry.post_hooks),
        });
        (entry.name.clone(), described)
    });
    let entries: Map<String, Value> = entries.collect();
    (!entries.is_empty()).then(|| json!({ "resources": entries }))
}

fn commands(hooks: &[BackupResourceHook]) -> Vec<Value> {
    let command = |BackupResourceHook { exec }: &BackupResourceHook| {
        json!({
            "container": exec.container,
            "command": exec.command.join(" "),
            // With the colon: Velero's key has it.
            "onError:": exec.on_error.to_string(),
            "timeout": exec.timeout.to_string(),
        })
    };
    hooks.iter().map(command).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks() -> BackupHooks {
        let hooks = json!({"resources": [{
            "name": "db", "includedNamespaces": ["shop"], "includedResources": ["pods"],
            "labelSelector": {"matchLabels": {"app": "db"}},
            "pre": [{"exec": {"command": ["fsfreeze", "--freeze", "/data"], "container": "db", "timeout": "1m"}}],
            "post": [{"exec": {"command": ["thaw"], "onError": "Continue"}}],
        }]});
        serde_json::from_value(hooks).unwrap()
    }

    #[test]
    fn each_hook_is_told_as_velero_tells_it() {
        let mut sheet = Sheet::default();
        describe(&mut sheet, &hooks());
        let expected = "Hooks:\n  Resources:\n    db:\n      Namespaces:\n        Included:  shop\n        Excluded:  <none>\n\n      \
            Resources:\n        Included:  pods\n        Excluded:  <none>\n\n      Label selector:  app=db\n\n      \
            Pre Exec Hook:\n        Container:  db\n        Command:    fsfreeze --freeze /data\n        On Error:   Fail\n        \
            Timeout:    1m0s\n\n      Post Exec Hook:\n        Container:  \n        Command:    thaw\n        \
            On Error:   Continue\n        Timeout:    0s\n\n";
        assert_eq!(sheet.finish(), expected);
    }

    #[test]
    fn json_has_veleros_keys() {
        let described = as_json(&hooks()).unwrap();
        let pre = json!([{"container": "db", "command": "fsfreeze --freeze /data", "onError:": "Fail", "timeout": "1m0s"}]);
        assert_eq!(described["resources"]["db"]["preExecHook"], pre);
        assert_eq!(described["resources"]["db"]["labelSelector"], "app=db");
        assert_eq!(as_json(&BackupHooks::default()), None);
    }
}
