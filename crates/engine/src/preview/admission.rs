//! What the refusal of a dry run says of the real thing: some of them say nothing, because the dry run lacks what the restore
//! would have made before, or because a webhook cannot be asked.

use std::collections::HashSet;

/// What a refusal means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The restore would be refused, too.
    Refused,
    /// It may or may not, for this reason.
    Unknown(String),
}

/// What a refusal of an object means. `made` are the names of what the restore makes before it.
pub fn judge(message: &str, own: (Option<&str>, &str), made: &HashSet<String>) -> Verdict {
    if message.contains("does not support dry run") {
        return Verdict::Unknown(format!("a webhook with side effects cannot be asked ({message})"));
    }
    if message.contains("failed calling webhook") || message.contains("failed calling admission webhook") {
        return Verdict::Unknown(format!("a webhook does not answer ({message})"));
    }
    if message.contains("because it is being terminated") {
        return Verdict::Unknown("its namespace is being deleted, and the restore waits for that".to_owned());
    }
    match missing(message, own, made) {
        Some(name) => {
            let why = format!("the restore creates {name} before it, and the dry run could not ({message})");
            Verdict::Unknown(why)
        }
        None => Verdict::Refused,
    }
}

/// The name in a refusal of something that is not there now and will be.
fn missing<'m>(
    message: &'m str,
    (namespace, name): (Option<&str>, &str),
    made: &HashSet<String>,
) -> Option<&'m str> {
    let absent = ["not found", "not exist", "no matches for"].iter().any(|words| message.contains(words));
    let of_a_name = |letter: char| letter.is_ascii_alphanumeric() || "-.:".contains(letter);
    let mut words = message.split(|letter| !of_a_name(letter)).map(|word| word.trim_matches(['.', ':']));
    let foreign = |word: &&str| *word != name && Some(*word) != namespace;
    words.find(|word| absent && foreign(word) && made.contains(*word))
}
