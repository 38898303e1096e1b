//! Repositories that restic 0.18.1 wrote, of both versions of the format. `tests/data/record.sh` makes them.
