//! What the log of a restore says of each object: what became of it, or which rule left it out.

use api::meta::{GroupResource, ObjectKey};
use jiff::Timestamp;

use super::plan::RestorePlan;
use crate::journal::{Action, Outcome, Progress};
use crate::log::{Level, Line};

/// A line for each namespace and object of a plan, as far as they are done, and for each that is left out.
pub fn lines<'a>(
    plan: &'a RestorePlan,
    progress: &'a Progress,
    now: Timestamp,
) -> impl Iterator<Item = Line> + 'a {
    let restore = format!("{}/{}", plan.restore.namespace, plan.restore.name);
    let line = move |(level, text, object): Told| {
        Line::new(now, level, text)
            .with("restore", &restore)
            .with("resource", object.resource.to_string())
            .with("namespace", object.namespace.unwrap_or_default())
            .with("name", object.name)
    };
    namespaces(progress).chain(items(plan, progress)).chain(left_out(plan)).map(line)
}

/// How much it matters, what became of it, and of what.
type Told = (Level, String, ObjectKey);

fn namespaces(progress: &Progress) -> impl Iterator<Item = Told> + '_ {
    progress.namespaces_done().map(|(name, action)| {
        let text = action.map_or("Found it there", words).to_owned();
        (Level::Info, text, ObjectKey::new(GroupResource::new("", "namespaces"), None, name))
    })
}

fn items<'a>(plan: &'a RestorePlan, progress: &'a Progress) -> impl Iterator<Item = Told> + 'a {
    (0..).zip(plan.items()).filter_map(|(number, item)| {
        let outcome = progress.items.get(&number)?;
        Some((level(outcome), words(outcome.action).to_owned(), plan.target(item)))
    })
}

/// What failed matters as much as why it did.
fn level(outcome: &Outcome) -> Level {
    match outcome.action {
        Action::Failed => {
            let worst = outcome.problems.iter().map(|problem| problem.severity).max();
            worst.map_or(Level::Error, Level::from)
        }
        Action::Created | Action::Updated | Action::Skipped => Level::Info,
    }
}

fn left_out(plan: &RestorePlan) -> impl Iterator<Item = Told> + '_ {
    plan.left_out.iter().flat_map(|left| {
        left.names.iter().map(|name| {
            let object = ObjectKey::new(left.resource.clone(), left.namespace.as_deref(), name);
            (Level::Info, format!("Not restored: {}", left.rule.text()), object)
        })
    })
}

fn words(action: Action) -> &'static str {
    match action {
        Action::Created => "Created",
        Action::Updated => "Updated",
        Action::Failed => "Failed",
        Action::Skipped => "Left as it is",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Record;
    use crate::restore::Target;
    use crate::restore::files::resource_list;
    use crate::restore::tests::planned;
    use crate::restore::volumes::Volumes;
    use serde_json::json;

    #[test]
    fn every_object_has_its_line() {
        let archive = [
            ("configmaps shop/a", json!({})),
            ("configmaps shop/b", json!({})),
            ("configmaps shop/c", json!({})),
            ("configmaps shop/not-tried", json!({})),
            ("nodes n1", json!({})),
        ];
        let plan = planned(
            json!({"namespaceMapping": {"shop": "till"}}),
            &archive,
            &Volumes::default(),
            &Target::default(),
        );
        let progress = Progress::read([
            Record::Namespace { name: "till".into(), created: true },
            Record::Item { number: 0, outcome: Outcome::of(Action::Created) },
            Record::Item { number: 1, outcome: Outcome::of(Action::Skipped) },
            Record::Item { number: 2, outcome: Outcome::of(Action::Failed) },
            Record::Namespace { name: "found".into(), created: false },
            Record::Namespace { name: "labelled".into(), created: false },
            Record::NamespaceUpdated { name: "labelled".into() },
        ]);
        let listed = resource_list(&plan, &progress);
        assert_eq!(
            serde_json::to_value(&listed).unwrap()["v1/Namespace"],
            json!(["labelled(updated)", "till(created)"])
        );
        let text: Vec<String> =
            lines(&plan, &progress, Timestamp::UNIX_EPOCH).map(|line| line.to_string()).collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        time="1970-01-01T00:00:00Z" level=info msg="Found it there" name=found namespace= resource=namespaces restore=velero/r1
        time="1970-01-01T00:00:00Z" level=info msg=Updated name=labelled namespace= resource=namespaces restore=velero/r1
        time="1970-01-01T00:00:00Z" level=info msg=Created name=till namespace= resource=namespaces restore=velero/r1
        time="1970-01-01T00:00:00Z" level=info msg=Created name=a namespace=till resource=configmaps restore=velero/r1
        time="1970-01-01T00:00:00Z" level=info msg="Left as it is" name=b namespace=till resource=configmaps restore=velero/r1
        time="1970-01-01T00:00:00Z" level=error msg=Failed name=c namespace=till resource=configmaps restore=velero/r1
        time="1970-01-01T00:00:00Z" level=info msg="Not restored: objects of this type belong to one cluster" name=n1 namespace= resource=nodes restore=velero/r1
        "#);
    }
}
