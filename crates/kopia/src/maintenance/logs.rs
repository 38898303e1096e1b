//! Logs that kopia's command leaves in the repository: too old ones, and too many, go.

use super::Run;
use crate::Result;
use crate::storage::sorted;

impl Run<'_> {
    pub(super) fn delete_logs(&mut self) -> Result<()> {
        let repository = self.repository().clone();
        let mut logs = sorted(repository.storage(), "_log_")?;
        logs.sort_by_key(|blob| std::cmp::Reverse(blob.modified));
        let limits = &self.parameters.log_retention;
        let now = self.now();
        let (mut count, mut bytes) = (0, 0_u64);
        logs.retain(|blob| {
            count += 1;
            bytes = bytes.saturating_add(blob.length);
            count > limits.max_count
                || bytes > limits.max_total_size
                || now.since(blob.modified) > limits.max_age
        });
        self.crew.map(&logs, |blob| repository.storage().delete(&blob.name))?;
        self.report.logs_deleted = logs.len() as u64;
        Ok(())
    }
}
