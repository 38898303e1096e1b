//! Tests of the grammar: what a person writes is understood, and a password is never part of it.

use clap::{CommandFactory, Parser};

use super::*;

#[derive(Debug, Parser)]
#[command(args_override_self = true)]
struct Line {
    #[command(subcommand)]
    repo: Repo,
}

#[test]
fn the_grammar_is_sound() {
    Line::command().debug_assert();
}

#[test]
fn what_a_person_writes_is_understood() {
    for line in [
        "create --repository /r --password-file p --hash BLAKE3-256 --approved",
        "status --repository s3://b/velero/kopia/ns --config region=eu,s3Url=http://h --credentials-file k --cacert c",
        "connect --repository /r -o json",
        "change-password --repository /r --password-file p --new-password-file n",
        "snapshot create /data --source-path /var/data --tags a=b,c=d --description text --pin me --pin you --full",
        "snapshot create /data --identity me@here --obey-tree --threads 8",
        "snapshot list --source-path /data -o yaml",
        "snapshot ls latest below -r --json-lines",
        "snapshot cat abc below/file",
        "snapshot diff abc",
        "snapshot diff abc def --path below -o json",
        "snapshot restore latest /target --path below --only a --only b --existing keep-unchanged --sparse",
        "snapshot restore abc /target --delete-extra --ignore-permission-errors --threads 2",
        "snapshot delete abc def --identity me@here",
        "snapshot expire --delete",
        "verify --percent 5 --sample 7 --threads 2",
        "maintain --quick --take-over",
        "maintain --full --without-margins --threads 8",
        "rebuild-indexes --threads 2",
        "copy abc --to /other --to-password-file p --compression zstd",
        "policy list",
        "policy show me@here:/data",
        "policy set (global) --keep-latest 3 --ignore *.tmp --ignore *.o --one-file-system true",
        "policy set @here --from-file policy.json",
        "policy delete me@here",
    ] {
        let words = std::iter::once("repo").chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn no_flag_takes_a_password() {
    fn flags(command: &clap::Command, all: &mut Vec<String>) {
        all.extend(command.get_arguments().filter_map(|flag| flag.get_long().map(str::to_owned)));
        command.get_subcommands().for_each(|below| flags(below, all));
    }
    let mut all = Vec::new();
    flags(&Line::command(), &mut all);
    let secret: Vec<_> =
        all.iter().filter(|flag| flag.contains("password") && !flag.ends_with("password-file")).collect();
    assert!(secret.is_empty() && all.iter().any(|flag| flag == "password-file"), "{secret:?}");
}
