//! Lists of a strategic merge: what they hold, and in which order.

use serde_json::Value;

/// The members that a directive lists.
pub(super) fn of<'a>(listed: &'a Value, path: &str) -> Result<&'a [Value], String> {
    listed.as_array().map(Vec::as_slice).ok_or_else(|| format!("a directive of {path:?} is no list"))
}

/// The members of a list, taken out of it; none where there is no list.
pub(super) fn taken(list: &mut Value) -> Vec<Value> {
    list.as_array_mut().map(std::mem::take).unwrap_or_default()
}

/// The members of both lists, each once.
pub(super) fn united(before: Vec<Value>, patch: &[Value]) -> Vec<Value> {
    let order = before.clone();
    let mut merged = before;
    for member in patch {
        if !merged.contains(member) {
            merged.push(member.clone());
        }
    }
    arranged(merged, patch, &order, Value::clone)
}

/// Orders members as the API server does: those that the patch names in its order, the others in theirs; where both could
/// come next, a named one goes first if it is new, or was before the other.
pub(super) fn arranged(
    members: Vec<Value>,
    named: &[Value],
    order: &[Value],
    name: impl Fn(&Value) -> Value,
) -> Vec<Value> {
    let place = |list: &[Value], member: &Value| {
        let name = name(member);
        list.iter().position(|one| *one == name)
    };
    let (mut mine, others): (Vec<Value>, Vec<Value>) =
        members.into_iter().partition(|member| place(named, member).is_some());
    mine.sort_by_key(|member| place(named, member));
    let mut arranged = Vec::with_capacity(mine.len() + others.len());
    let (mut mine, mut others) = (mine.into_iter().peekable(), others.into_iter().peekable());
    while let (Some(one), Some(other)) = (mine.peek(), others.peek()) {
        let first = place(order, one).is_none_or(|at| place(order, other).is_none_or(|other| at < other));
        arranged.extend(if first { mine.next() } else { others.next() });
    }
    arranged.into_iter().chain(mine).chain(others).collect()
}
