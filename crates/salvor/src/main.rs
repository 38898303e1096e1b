//! The one binary: its role is its first argument, or the name it is called by.

use std::process::ExitCode;

fn main() -> ExitCode {
    salvor::role::run(std::env::args().collect()).into()
}
