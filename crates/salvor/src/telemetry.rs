//! Logs on standard output, in the text or JSON form that Velero's logs have.

use std::fmt;
use std::str::FromStr;

use controllers::Clock;
use controllers::deps::SystemClock;
use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// The crates whose logs follow `--log-level`; what others say is shown from warnings up.
const OURS: [&str; 6] = ["api", "cluster", "controllers", "engine", "salvor", "store"];

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `time="..." level=info msg="..." key=value`.
    Text,
    /// One JSON object a line.
    Json,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err("it is text or json".to_owned()),
        }
    }
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verbosity(LevelFilter);

impl FromStr for Verbosity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_lowercase().as_str() {
            "trace" => Ok(Self(LevelFilter::TRACE)),
            "debug" => Ok(Self(LevelFilter::DEBUG)),
            "info" => Ok(Self(LevelFilter::INFO)),
            "warn" | "warning" => Ok(Self(LevelFilter::WARN)),
            // Nothing of ours is worse than an error.
            "error" | "fatal" | "panic" => Ok(Self(LevelFilter::ERROR)),
            _ => Err("it is one of trace, debug, info, warning, error, fatal, panic".to_owned()),
        }
    }
}

/// Begins to log. Later calls in the same process change nothing.
pub fn init(verbosity: Verbosity, format: Format) {
    let filter = Targets::new()
        .with_default(LevelFilter::WARN.min(verbosity.0))
        .with_targets(OURS.map(|name| (name, verbosity.0)));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stdout)
        .fmt_fields(Line { format })
        .event_format(Line { format })
        .with_filter(filter);
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// Writes lines and fields in one form.
#[derive(Debug, Clone, Copy)]
struct Line {
    format: Format,
}

impl Line {
    fn field(self, out: &mut impl fmt::Write, key: &str, value: &str) -> fmt::Result {
        match self.format {
            Format::Text if is_plain(value) => write!(out, " {key}={value}"),
            Format::Text => write!(out, " {key}={value:?}"),
            Format::Json => {
                let (key, value) = (serde_json::Value::from(key), serde_json::Value::from(value));
                write!(out, ",{key}:{value}")
            }
        }
    }
}

/// Whether a value needs no quotes in the text form.
fn is_plain(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._/@^+".contains(c);
    !value.is_empty() && value.chars().all(plain)
}

impl<'writer> FormatFields<'writer> for Line {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut values = Values::default();
        fields.record(&mut values);
        values.fields.iter().try_for_each(|(key, value)| self.field(&mut writer, key, value))
    }
}

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut values = Values::default();
        event.record(&mut values);
        let metadata = event.metadata();
        let time = Timestamp::from_second(SystemClock.now().as_second()).unwrap_or_default().to_string();
        let level = word(*metadata.level());
        match self.format {
            Format::Text => write!(out, "time={time:?} level={level} msg={:?}", values.message)?,
            Format::Json => {
                let message = serde_json::Value::from(values.message.as_str());
                write!(out, "{{\"level\":{level:?},\"msg\":{message},\"time\":{time:?}")?;
            }
        }
        for (key, value) in &values.fields {
            self.field(&mut out, key, value)?;
        }
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>() {
                out.write_str(&fields.fields)?;
            }
        }
        let source =
            format!("{}:{}", metadata.file().unwrap_or_default(), metadata.line().unwrap_or_default());
        self.field(&mut out, "logSource", &source)?;
        out.write_str(if self.format == Format::Json { "}\n" } else { "\n" })
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::TRACE => "trace",
        Level::DEBUG => "debug",
        Level::INFO => "info",
        Level::WARN => "warning",
        Level::ERROR => "error",
    }
}

/// The fields of a line, with its message apart.
#[derive(Default)]
struct Values {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Values {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            name => self.fields.push((name, value.to_owned())),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: Format) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .fmt_fields(Line { format })
            .event_format(Line { format });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            let span = tracing::info_span!("reconcile", controller = "gc", object = %"velero/b 1");
            span.in_scope(|| tracing::warn!(count = 3, "failed to say \"x\""));
        });
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn text_lines_are_in_the_form_of_logrus() {
        let line = logged(Format::Text);
        let (time, rest) = line.split_once(" level=").unwrap();
        assert!(time.starts_with("time=\"20") && time.ends_with("Z\""), "{line}");
        let expect =
            "warning msg=\"failed to say \\\"x\\\"\" count=3 controller=gc object=\"velero/b 1\" logSource=";
        assert!(rest.starts_with(expect), "{line}");
    }

    #[test]
    fn json_lines_are_objects() {
        let line: serde_json::Value = serde_json::from_str(&logged(Format::Json)).unwrap();
        assert_eq!(line["level"], "warning");
        assert_eq!(line["msg"], "failed to say \"x\"");
        assert_eq!(line["object"], "velero/b 1");
    }

    #[test]
    fn every_level_of_velero_is_known() {
        for level in ["trace", "debug", "info", "warning", "warn", "error", "fatal", "panic", "INFO"] {
            assert!(level.parse::<Verbosity>().is_ok(), "{level}");
        }
        assert!("loud".parse::<Verbosity>().is_err());
    }
}
