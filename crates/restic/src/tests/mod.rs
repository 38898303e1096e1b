//! Repositories made up in memory, hostile ones too, and those that the restic command wrote.

mod flips;
mod hostile;
mod made;
mod recorded;
