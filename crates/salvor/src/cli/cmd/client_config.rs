//! `client config`: the client's configuration file.

use clap::{Args, Subcommand};

use crate::cli::config_file::ConfigFile;
use crate::cli::output::{error_line, print};
use crate::exit::Exit;

/// The commands about the client.
#[derive(Debug, Subcommand)]
pub enum Client {
    /// Get and set values of the client's configuration file
    #[command(subcommand, arg_required_else_help = true)]
    Config(Config),
}

/// The commands about the client's configuration file.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Get values
    Get(Get),
    /// Set values
    Set(Set),
}

/// Get values of the configuration file
#[derive(Debug, Args)]
pub struct Get {
    /// Keys; all where there are none
    keys: Vec<String>,
}

/// Set values of the configuration file
#[derive(Debug, Args)]
pub struct Set {
    /// Keys and values; an empty value removes the key
    #[arg(required = true, value_name = "KEY=VALUE")]
    pairs: Vec<String>,
}

impl Client {
    /// Runs it.
    pub fn run(self) -> anyhow::Result<Exit> {
        let Self::Config(command) = self;
        match command {
            Config::Get(command) => print(&command.text(&ConfigFile::load()))?,
            Config::Set(command) => command.changed(ConfigFile::load()).store()?,
        }
        Ok(Exit::Done)
    }
}

impl Get {
    fn text(&self, file: &ConfigFile) -> String {
        let keys: Vec<_> = match self.keys.is_empty() {
            true => file.keys().collect(),
            false => self.keys.iter().map(String::as_str).collect(),
        };
        keys.iter().map(|key| format!("{key}: {}\n", file.get(key).unwrap_or("<NOT SET>"))).collect()
    }
}

impl Set {
    fn changed(&self, mut file: ConfigFile) -> ConfigFile {
        for pair in &self.pairs {
            match pair.split_once('=') {
                Some((key, value)) if !key.is_empty() => file.set(key, value),
                _ => error_line(&format!("WARNING: invalid KEY=VALUE: {pair:?}")),
            }
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_set_shown_and_removed() {
        let file = ConfigFile::parse(r#"{"namespace": "oadp", "features": "EnableCSI"}"#).unwrap();
        let set = Set { pairs: vec!["namespace=velero".into(), "features=".into(), "nonsense".into()] };
        let changed = set.changed(file);
        assert_eq!(Get { keys: Vec::new() }.text(&changed), "namespace: velero\n");
        assert_eq!(Get { keys: vec!["features".into()] }.text(&changed), "features: <NOT SET>\n");
    }
}
