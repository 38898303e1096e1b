//! JSON Patch as rules have it.

use json_patch::jsonptr::PointerBuf;
use json_patch::{PatchErrorKind, PatchOperation};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Refusal;

/// The bytes that the `copy` operations of a rule may make: copies of copies would grow without end.
const COPIED_BYTES_MAX: usize = 1 << 20;

/// One operation of a JSON Patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Operation(PatchOperation);

impl Operation {
    /// The operation of a JSON Patch document.
    pub(super) fn of(document: Value) -> Result<Self, String> {
        serde_json::from_value(document).map(Self).map_err(|error| error.to_string())
    }

    /// The value that it takes along.
    pub(super) fn value(&self) -> Option<&Value> {
        match &self.0 {
            PatchOperation::Add(of) => Some(&of.value),
            PatchOperation::Replace(of) => Some(&of.value),
            PatchOperation::Test(of) => Some(&of.value),
            _ => None,
        }
    }

    /// The same, to change it.
    pub(super) fn value_mut(&mut self) -> Option<&mut Value> {
        match &mut self.0 {
            PatchOperation::Add(of) => Some(&mut of.value),
            PatchOperation::Replace(of) => Some(&mut of.value),
            PatchOperation::Test(of) => Some(&mut of.value),
            _ => None,
        }
    }

    /// Counts places of lists from the beginning that are counted from the end, as Velero takes them: `-1` is the last.
    fn count(&mut self, document: &Value) {
        // Where something is put, the place behind the last one counts, too.
        let (from, path, behind) = match &mut self.0 {
            PatchOperation::Add(of) => (None, &mut of.path, 1),
            PatchOperation::Remove(of) => (None, &mut of.path, 0),
            PatchOperation::Replace(of) => (None, &mut of.path, 0),
            PatchOperation::Test(of) => (None, &mut of.path, 0),
            PatchOperation::Move(of) => (Some(&mut of.from), &mut of.path, 1),
            PatchOperation::Copy(of) => (Some(&mut of.from), &mut of.path, 1),
        };
        from.into_iter().for_each(|from| counted(from, document, 0));
        counted(path, document, behind);
    }

    /// Applies it to a document, and says how much it copied.
    fn apply(&self, document: &mut Value) -> Result<usize, Refusal> {
        let copied = match &self.0 {
            PatchOperation::Copy(copy) => document.pointer(copy.from.as_str()).map_or(0, size),
            _ => 0,
        };
        json_patch::patch(document, std::slice::from_ref(&self.0)).map_err(|error| {
            match (&self.0, &error.kind) {
                (PatchOperation::Test(_), _) => Refusal::Untested,
                (operation, PatchErrorKind::InvalidFromPointer) => {
                    Refusal::Failed(format!("{} finds nothing to take", words(operation)))
                }
                (operation, PatchErrorKind::CannotMoveInsideItself) => {
                    Refusal::Failed(format!("{} would move a value into itself", words(operation)))
                }
                (operation, _) => {
                    Refusal::Failed(format!("{} finds no such place in the object", words(operation)))
                }
            }
        })?;
        Ok(copied)
    }
}

fn counted(pointer: &mut PointerBuf, document: &Value, behind: usize) {
    if !pointer.as_str().contains("/-") {
        return;
    }
    let (mut made, tokens) = (String::new(), pointer.as_str().split('/').skip(1));
    let last = tokens.clone().count().saturating_sub(1);
    for (at, token) in tokens.enumerate() {
        let extra = if at == last { behind } else { 0 };
        let length = document.pointer(&made).and_then(Value::as_array).map(|list| list.len() + extra);
        let back = token.strip_prefix('-').and_then(|digits| digits.parse::<usize>().ok());
        let place =
            length.zip(back).and_then(|(length, back)| length.checked_sub(back)).filter(|_| back != Some(0));
        made.push('/');
        made.push_str(&place.map_or_else(|| token.to_owned(), |place| place.to_string()));
    }
    if let Ok(made) = PointerBuf::parse(made) {
        *pointer = made;
    }
}

fn size(value: &Value) -> usize {
    value.to_string().len()
}

/// An operation in the words of messages, such as `remove /spec/x`.
fn words(operation: &PatchOperation) -> String {
    let verb = match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(of) => return format!("move {} to {}", of.from, of.path),
        PatchOperation::Copy(of) => return format!("copy {} to {}", of.from, of.path),
        PatchOperation::Test(_) => "test",
    };
    format!("{verb} {}", operation.path())
}

/// Applies operations in order; `filled` completes their values.
pub(super) fn apply(
    operations: &[Operation],
    document: &mut Value,
    filled: impl Fn(&Value) -> Result<Value, Refusal>,
) -> Result<(), Refusal> {
    let mut copied = 0;
    for operation in operations {
        let mut operation = operation.clone();
        if let Some(value) = operation.value_mut() {
            *value = filled(value)?;
        }
        operation.count(document);
        copied += operation.apply(document)?;
        if copied > COPIED_BYTES_MAX {
            return Err(Refusal::Failed(format!("its copies make more than {COPIED_BYTES_MAX} bytes")));
        }
    }
    Ok(())
}
