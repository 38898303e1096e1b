//! The flags that every command takes.

use std::path::PathBuf;

use clap::Args;

use super::config_file::ConfigFile;

/// The flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
pub struct Globals {
    /// The namespace that the server is installed in [default: velero]
    #[arg(short = 'n', long, global = true, help_heading = "Global options", value_name = "NAMESPACE")]
    pub namespace: Option<String>,
    /// Path of the kubeconfig; else $KUBECONFIG, else the default file, else the pod's own account
    #[arg(long, global = true, help_heading = "Global options", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig to use
    #[arg(long, global = true, help_heading = "Global options", value_name = "CONTEXT")]
    pub kubecontext: Option<String>,
    /// Features to switch on, separated by commas
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_name = "FEATURES",
        value_delimiter = ','
    )]
    pub features: Vec<String>,
    /// Whether output may be coloured
    #[arg(long, global = true, help_heading = "Global options", value_name = "BOOL", require_equals = true, num_args = 0..=1, default_missing_value = "true", hide_possible_values = true)]
    pub colorized: Option<bool>,
}

impl Globals {
    /// The server's namespace: from the flag, the configuration file, `VELERO_NAMESPACE`, else `velero`.
    pub fn namespace(&self, file: &ConfigFile, environment: Option<String>) -> String {
        let from_file = || file.get("namespace").map(str::to_owned);
        let candidates = self.namespace.clone().or_else(from_file).or(environment);
        candidates.filter(|namespace| !namespace.is_empty()).unwrap_or_else(|| "velero".to_owned())
    }

    /// The server's namespace, by this user's file and environment.
    pub fn namespace_now(&self) -> String {
        self.namespace(&ConfigFile::load(), std::env::var("VELERO_NAMESPACE").ok())
    }

    /// The features that are on: those of the flag and those of the configuration file.
    pub fn features(&self, file: &ConfigFile) -> Vec<String> {
        let listed = file.get("features").into_iter().flat_map(|list| list.split(','));
        let mut features: Vec<_> =
            self.features.iter().map(String::as_str).chain(listed).map(str::to_owned).collect();
        features.retain(|feature| !feature.is_empty());
        features.sort();
        features.dedup();
        features
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_beats_the_file_and_the_file_beats_the_environment() {
        let file = ConfigFile::parse(r#"{"namespace": "from-file"}"#).unwrap();
        let flag = Globals { namespace: Some("from-flag".into()), ..Globals::default() };
        let environment = || Some("from-environment".to_owned());
        assert_eq!(flag.namespace(&file, environment()), "from-flag");
        assert_eq!(Globals::default().namespace(&file, environment()), "from-file");
        assert_eq!(Globals::default().namespace(&ConfigFile::default(), environment()), "from-environment");
        assert_eq!(Globals::default().namespace(&ConfigFile::default(), None), "velero");
    }
}
