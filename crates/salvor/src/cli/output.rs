//! What commands print: lines, tables as `kubectl` lays them out, JSON and YAML as Kubernetes writes them.

use std::io::{self, Write};

use anyhow::Context;
use api::{Kind, ObjectMeta};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// The flags of commands that print objects.
#[derive(Debug, Clone, Default, Args)]
pub struct OutputFlags {
    /// Print as table, json or yaml; a create command then sends nothing
    #[arg(short = 'o', long = "output", value_name = "FORMAT", hide_possible_values = true)]
    pub output: Option<Format>,
    /// Labels to show as columns
    #[arg(short = 'L', long, value_delimiter = ',', value_name = "LABELS")]
    pub label_columns: Vec<String>,
    /// Show all labels in the last column
    #[arg(long)]
    pub show_labels: bool,
}

impl OutputFlags {
    /// The headers of a table, with those of the labels that are asked for: the last part of their keys.
    pub fn headers(&self, fixed: &[&str]) -> Vec<String> {
        let of_label = |key: &String| key.rsplit('/').next().unwrap_or_default().to_uppercase();
        let mut headers: Vec<_> = fixed.iter().map(|header| (*header).to_owned()).collect();
        headers.extend(self.label_columns.iter().map(of_label));
        headers.extend(self.show_labels.then(|| "LABELS".to_owned()));
        headers
    }

    /// The cells of an object, with those of the labels that are asked for.
    pub fn cells(&self, fixed: impl IntoIterator<Item = String>, metadata: &ObjectMeta) -> Vec<String> {
        let labels = metadata.labels.as_ref();
        let value = |key: &String| {
            labels.and_then(|labels| labels.get(key)).map_or("<none>", String::as_str).to_owned()
        };
        let mut cells: Vec<_> = fixed.into_iter().collect();
        cells.extend(self.label_columns.iter().map(value));
        if self.show_labels {
            let pairs: Vec<_> =
                labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
            cells.push(if pairs.is_empty() { "<none>".to_owned() } else { pairs.join(",") });
        }
        cells
    }

    /// Prints objects in the form that is asked for, as a table unless another one is.
    pub fn show<K: Kind>(&self, all: &[K], table: impl FnOnce(&[K]) -> String) -> anyhow::Result<()> {
        let text = match self.output {
            None | Some(Format::Table) => table(all),
            Some(format) => objects(format, K::KIND, all.iter().map(Kind::to_document).collect())?,
        };
        print(&text)
    }
}

/// How objects are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns.
    Table,
    /// JSON, indented.
    Json,
    /// YAML.
    Yaml,
}

/// A table: upper-case headers, three blanks between columns.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headers.
    pub fn new<S: Into<String>>(headers: impl IntoIterator<Item = S>) -> Self {
        Self { rows: vec![headers.into_iter().map(Into::into).collect()] }
    }

    /// Adds a row.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table as text.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or_default();
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<_> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            for (position, cell) in row.iter().enumerate() {
                text.push_str(cell);
                if position + 1 < row.len() {
                    let gap = widths[position] + 3 - cell.chars().count();
                    text.extend(std::iter::repeat_n(' ', gap));
                }
            }
            text.push('\n');
        }
        text
    }
}

/// Objects as JSON or YAML: one as itself, several as a list of `kind`.
pub fn objects(format: Format, kind: &str, mut items: Vec<Value>) -> anyhow::Result<String> {
    let document = match items.len() {
        1 => items.remove(0),
        _ => {
            json!({ "apiVersion": "velero.io/v1", "kind": format!("{kind}List"), "metadata": {}, "items": items })
        }
    };
    match format {
        Format::Yaml => serde_saphyr::to_string(&document).context("print YAML"),
        Format::Json | Format::Table => Ok(serde_json::to_string_pretty(&document)? + "\n"),
    }
}

/// What an error says. Errors of these types say what was attempted, and are read after "failed to".
pub fn told(error: &anyhow::Error) -> String {
    let attempted = error.chain().any(|cause| cause.is::<cluster::Error>() || cause.is::<io::Error>());
    format!("{}{error:#}", if attempted { "failed to " } else { "" })
}

/// Prints on stdout. A reader that has gone away, such as `head`, is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("print"),
    }
}

/// Prints a line on stdout.
pub fn line(text: &str) -> anyhow::Result<()> {
    print(&format!("{text}\n"))
}

/// Prints a line on stderr.
pub fn error_line(text: &str) {
    // Nothing can be done about a terminal that is gone.
    let _printed = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_three_blanks_apart() {
        let mut table = Table::new(["NAME", "STATUS"]);
        table.row(["a-long-name", "New"]);
        assert_eq!(table.render(), "NAME          STATUS\na-long-name   New\n");
    }

    #[test]
    fn one_object_is_itself_and_several_are_a_list() {
        let one = objects(Format::Json, "Backup", vec![json!({"kind": "Backup"})]).unwrap();
        assert_eq!(one, "{\n  \"kind\": \"Backup\"\n}\n");
        let two = objects(Format::Json, "Backup", vec![json!({}), json!({})]).unwrap();
        assert!(two.contains("\"kind\": \"BackupList\""));
    }
}
