//! Restic's files in a location, by their paths below the repository's folder.

use kopia::Result;
use restic::Files;
use restic::files::Listed;

use super::Bucket;

impl Files for Bucket {
    fn get(&self, path: &str, limit: usize) -> Result<Vec<u8>> {
        self.whole(path, limit)
    }

    fn get_range(&self, path: &str, offset: u64, length: usize) -> Result<Vec<u8>> {
        self.part(path, offset, length)
    }

    fn length(&self, path: &str) -> Result<u64> {
        self.meta(path).map(|meta| meta.size)
    }

    fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        let folder = format!("{folder}/");
        let listed = self.objects(&folder)?.into_iter().filter_map(|meta| {
            let name = meta.key.strip_prefix(&self.folder)?.strip_prefix(&folder)?;
            (!name.contains('/')).then(|| Listed { name: name.to_owned(), length: meta.size })
        });
        Ok(listed.collect())
    }
}
