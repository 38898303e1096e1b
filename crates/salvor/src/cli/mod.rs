//! The commands of a terminal: Velero's, with their flags and their output, and our own.
//!
//! One file per command in `cmd`. A command reads flags into a request, asks the cluster, and prints; what it
//! prints comes from pure functions, so that tests can look at it without a cluster.

pub mod cmd;
pub mod config_file;
pub mod describe;
pub mod download;
pub mod dry_run;
pub mod filters;
pub mod globals;
pub mod logs;
pub mod output;
pub mod preview;
pub mod selection;
pub mod server_status;
pub mod session;
pub mod sheet;
pub mod tabs;
pub mod text;
pub mod values;
pub mod waiting;

use api::labels::SERVER_VERSION;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, CommandFactory, FromArgMatches, Parser};

use crate::exit::Exit;
pub use globals::Globals;
pub use session::Session;

/// Back up, restore and move Kubernetes applications.
#[derive(Debug, Parser)]
#[command(version = SERVER_VERSION, arg_required_else_help = true, subcommand_required = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: cmd::Command,
}

/// Velero's commands that this version does not have.
const NOT_YET: [&str; 7] =
    ["schedule", "schedules", "snapshot-location", "snapshot-locations", "debug", "bug", "get"];

/// The flags of klog, and whether each has a value that is not a truth.
const KLOG: [(&str, bool); 14] = [
    ("v", true),
    ("vmodule", true),
    ("log_backtrace_at", true),
    ("log_dir", true),
    ("log_file", true),
    ("log_file_max_size", true),
    ("stderrthreshold", true),
    ("logtostderr", false),
    ("alsologtostderr", false),
    ("legacy_stderr_threshold_behavior", false),
    ("add_dir_header", false),
    ("one_output", false),
    ("skip_headers", false),
    ("skip_log_headers", false),
];

/// Runs a command. `called` is the name that the program was called by, `arguments` what follows it.
pub fn run(called: &str, arguments: Vec<String>) -> Exit {
    let names = std::iter::once(called.to_owned()).chain(arguments);
    let parsed = grammar(called).try_get_matches_from(names).and_then(|found| Cli::from_arg_matches(&found));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(usage) => return explain(&usage),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(called, &error.into()),
    };
    match runtime.block_on(cli.command.run(&cli.globals, called)) {
        Ok(exit) => exit,
        Err(error) => failed(called, &error),
    }
}

/// The grammar of all commands, for a program of the name `called`.
fn grammar(called: &str) -> clap::Command {
    let command = Cli::command().name(called.to_owned()).bin_name(called.to_owned()).args_override_self(true);
    as_in_go(command).args(KLOG.map(|(name, value)| of_klog(name, value)))
}

/// A flag of the library by which Velero's program logs: taken, since scripts give it, and without effect.
fn of_klog(name: &'static str, has_value: bool) -> Arg {
    let flag = Arg::new(name).long(name).global(true).hide(true).action(ArgAction::Set);
    match name {
        "v" => flag.short('v').num_args(1),
        _ if has_value => flag.num_args(1),
        _ => flag.num_args(0..=1).require_equals(true).default_missing_value("true"),
    }
}

/// Lets flags be written as Go programs read them: `--wait` and `--wait=true`. And hides what help need not say.
fn as_in_go(command: clap::Command) -> clap::Command {
    let flag = |arg: Arg| match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .value_parser(values::boolean)
            .value_name("BOOL")
            .hide_default_value(true),
        _ if arg.is_require_equals_set() => arg.value_name("BOOL"),
        _ if arg.get_default_values() == [""] => arg.hide_default_value(true),
        _ => arg,
    };
    command.mut_args(flag).mut_args(shortly).mut_subcommands(as_in_go)
}

/// Calls the value of a flag by the last word of its name, `--storage-location <LOCATION>`, unless it has a name.
fn shortly(arg: Arg) -> Arg {
    let whole = arg.get_id().as_str().to_uppercase();
    let is_named = arg.get_value_names().is_none_or(|names| names != [whole.as_str()]);
    match whole.rsplit_once('_') {
        Some((_, last)) if !is_named && arg.get_long().is_some() => arg.value_name(last.to_owned()),
        _ => arg,
    }
}

/// Prints help on stdout, and what is wrong with the arguments on stderr, as Velero's exit codes have it.
fn explain(usage: &clap::Error) -> Exit {
    if let Some(ContextValue::String(command)) = usage.get(ContextKind::InvalidSubcommand)
        && NOT_YET.contains(&command.as_str())
    {
        output::error_line(&format!("An error occurred: this version does not have `{command}` yet"));
        return Exit::Failed;
    }
    let is_help = usage.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    // Nothing can be done about a terminal that is gone.
    let _printed = match is_help {
        true => output::print(&usage.render().to_string()),
        false => usage.print().map_err(anyhow::Error::from),
    };
    if usage.use_stderr() && !is_help { Exit::Failed } else { Exit::Done }
}

fn failed(called: &str, error: &anyhow::Error) -> Exit {
    output::error_line(&format!("An error occurred: {}", output::told(error)));
    if error.chain().any(is_not_served) {
        output::error_line(&format!("Is Salvor installed in this cluster? See `{called} install --help`."));
    }
    if error.chain().any(is_elsewhere) {
        output::error_line(ELSEWHERE);
    }
    Exit::Failed
}

/// What helps where the namespace that was asked is not there.
pub(crate) const ELSEWHERE: &str =
    "Is Salvor installed in another namespace? Name it with `-n NAMESPACE`, or in VELERO_NAMESPACE.";

/// Whether an error says that our namespace is not there.
fn is_elsewhere(cause: &(dyn std::error::Error + 'static)) -> bool {
    let error = cause.downcast_ref::<cluster::Error>();
    error.is_some_and(|error| error.is_not_found() && error.message.starts_with("namespaces "))
}

/// Whether an error says that the cluster does not know our kinds: then the API server answers without a `Status`.
fn is_not_served(cause: &(dyn std::error::Error + 'static)) -> bool {
    let error = cause.downcast_ref::<cluster::Error>();
    error.is_some_and(|error| error.is_not_found() && error.status.is_none())
}

#[cfg(test)]
mod tests;
