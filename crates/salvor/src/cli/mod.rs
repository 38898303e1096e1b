//! The commands of a terminal: Velero's, with their flags and their output, and our own.
//!
//! One file per command in `cmd`. A command reads flags into a request, asks the cluster, and prints; what it
//! prints comes from pure functions, so that tests can look at it without a cluster.

mod cmd;
mod config_file;
mod globals;
mod output;
mod session;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::exit::Exit;
pub use globals::Globals;
pub use session::Session;

/// Back up, restore and move Kubernetes applications.
#[derive(Debug, Parser)]
#[command(disable_version_flag = true, arg_required_else_help = true, subcommand_required = true)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: cmd::Command,
}

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
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(cli.command.run(&cli.globals, called)) {
        Ok(exit) => exit,
        Err(error) => failed(&error),
    }
}

/// The grammar of all commands, for a program of the name `called`.
fn grammar(called: &str) -> clap::Command {
    Cli::command().name(called.to_owned()).bin_name(called.to_owned())
}

/// Prints help on stdout, and what is wrong with the arguments on stderr, as Velero's exit codes have it.
fn explain(usage: &clap::Error) -> Exit {
    // Nothing can be done about a terminal that is gone.
    let _printed = usage.print();
    if usage.use_stderr() && usage.kind() != clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        Exit::Failed
    } else {
        Exit::Done
    }
}

fn failed(error: &anyhow::Error) -> Exit {
    output::error_line(&format!("An error occurred: {error:#}"));
    Exit::Failed
}
