//! The commands of a terminal.

use crate::exit::Exit;

/// Runs a command. `called` is the name that the program was called by, `arguments` what follows it.
pub fn run(called: &str, arguments: Vec<String>) -> Exit {
    let command = arguments.first().map_or("", String::as_str);
    eprintln!("An error occurred: unknown command {command:?} for {called:?}");
    Exit::Failed
}
