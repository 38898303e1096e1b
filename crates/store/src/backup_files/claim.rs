//! Who may write into the folder of a backup.
//!
//! The marker is what makes a backup, and the last file to be written. Until it is there, two servers with one bucket
//! and one name in mind would write over each other's files: so the name is taken before the first of them.

use bytes::Bytes;

use super::{CommitError, absent};
use crate::bucket::{CLAIMS, claim_key, operation_folder};
use crate::{ErrorKind, Put, Store};

/// Takes the name of a backup for an operation. What an operation that has no journal any more holds is nobody's.
pub async fn claim(store: &dyn Store, backup: &str, operation: &str) -> Result<(), CommitError> {
    let (key, content) = (claim_key(backup), Bytes::from(operation.to_owned()));
    match store.put(&key, content.clone(), Put::Create).await {
        Err(error) if error.kind == ErrorKind::Precondition => {}
        put => return Ok(put.map(drop)?),
    }
    if held_by_another(store, backup, operation).await? {
        return Err(CommitError::Claimed { backup: backup.to_owned() });
    }
    Ok(store.put(&key, content, Put::Overwrite).await.map(drop)?)
}

/// Whether an operation that may be at work holds the name of a backup, and it is not this one.
pub async fn held_by_another(store: &dyn Store, backup: &str, operation: &str) -> crate::Result<bool> {
    let Some(holder) = holder(store, backup).await? else { return Ok(false) };
    Ok(holder != operation && !store.list(&operation_folder(&holder)).await?.is_empty())
}

/// Gives the name back, if this operation holds it.
pub async fn release(store: &dyn Store, backup: &str, operation: &str) -> crate::Result<()> {
    if holder(store, backup).await?.is_some_and(|holder| holder == operation) {
        store.delete(&[claim_key(backup)]).await?;
    }
    Ok(())
}

/// Removes the claims of operations that have no journal: an operation has one before it claims anything.
pub async fn sweep_claims(store: &dyn Store) -> crate::Result<()> {
    for claim in store.list(CLAIMS).await? {
        let Some(backup) = claim.key.strip_prefix(CLAIMS) else { continue };
        if !held_by_another(store, backup, "").await? {
            store.delete(&[claim.key]).await?;
        }
    }
    Ok(())
}

/// The operation that holds the name; a claim that names none is nobody's.
async fn holder(store: &dyn Store, backup: &str) -> crate::Result<Option<String>> {
    let content = absent(store.get(&claim_key(backup)).await)?;
    let name = content.map(|content| String::from_utf8_lossy(&content).into_owned());
    Ok(name.filter(|name| !name.is_empty() && !name.contains('/')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::Memory;

    #[tokio::test]
    async fn one_operation_holds_a_name_until_it_gives_it_back_or_is_dead() {
        let store = Memory::default();
        let journal = format!("{}owner.json", operation_folder("one"));
        store.put(&journal, Bytes::new(), Put::Create).await.unwrap();
        claim(&store, "b", "one").await.unwrap();
        claim(&store, "b", "one").await.unwrap();
        claim(&store, "another", "two").await.unwrap();
        let refused = claim(&store, "b", "two").await.unwrap_err();
        assert!(matches!(refused, CommitError::Claimed { .. }), "{refused}");
        release(&store, "b", "two").await.unwrap();
        assert!(held_by_another(&store, "b", "two").await.unwrap());

        sweep_claims(&store).await.unwrap();
        assert_eq!(store.list(CLAIMS).await.unwrap().len(), 1, "the other one has no journal");
        store.delete(&[journal]).await.unwrap();
        claim(&store, "b", "two").await.unwrap();
        assert!(!held_by_another(&store, "b", "two").await.unwrap());
        release(&store, "b", "two").await.unwrap();
        release(&store, "another", "two").await.unwrap();
        assert!(store.list("plugins/").await.unwrap().is_empty());
    }
}
