//! An API server that says what a test tells it to, for what a real one does rarely.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::{Connect, Kube, Limits, user_agent};

/// An answer: code, extra header lines, body.
pub(crate) struct Answer {
    code: u16,
    headers: &'static str,
    body: String,
}

pub(crate) fn ok(document: &Value) -> Answer {
    lines(std::slice::from_ref(document))
}

/// A stream of documents, which then ends.
pub(crate) fn lines(documents: &[Value]) -> Answer {
    Answer {
        code: 200,
        headers: "",
        body: documents.iter().map(|document| format!("{document}\n")).collect(),
    }
}

pub(crate) fn refusal(code: u16, headers: &'static str) -> Answer {
    Answer { code, headers, body: String::new() }
}

/// A server with a script, and what it was asked.
pub(crate) struct Scripted {
    pub(crate) kube: Kube,
    asked: Arc<Mutex<Vec<String>>>,
    _kubeconfig: tempfile::NamedTempFile,
}

impl Scripted {
    /// Answers the calls in the order of the script, whatever they are; afterwards it says 404.
    pub(crate) async fn start(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let server = format!("http://{}", listener.local_addr().unwrap());
        writeln!(
            file,
            "{{apiVersion: v1, kind: Config, current-context: x, contexts: [{{name: x, context: {{cluster: c, user: u}}}}], \
             clusters: [{{name: c, cluster: {{server: \"{server}\"}}}}], users: [{{name: u, user: {{}}}}]}}"
        )
        .unwrap();
        let connect = Connect {
            kubeconfig: Some(file.path().to_owned()),
            user_agent: user_agent("salvor-tests", "v0", "none"),
            limits: Limits { qps: 0.0, ..Limits::default() },
            ..Connect::default()
        };
        let kube = Kube::connect(&connect).await.unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(listener, script.into(), Arc::clone(&asked)));
        Self { kube, asked, _kubeconfig: file }
    }

    /// What was asked, in order: method and path.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(listener: TcpListener, mut script: VecDeque<Answer>, asked: Arc<Mutex<Vec<String>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut stream = BufReader::new(stream);
        let line = read_request(&mut stream).await;
        asked.lock().unwrap().push(line);
        let answer = script.pop_front().unwrap_or(refusal(404, ""));
        let text = format!(
            "HTTP/1.1 {} X\r\ncontent-length: {}\r\nconnection: close\r\n{}\r\n{}",
            answer.code,
            answer.body.len(),
            answer.headers,
            answer.body
        );
        stream.get_mut().write_all(text.as_bytes()).await.unwrap();
    }
}

/// Reads a request to its end; gives its method and path.
async fn read_request(stream: &mut BufReader<TcpStream>) -> String {
    let mut first = String::new();
    stream.read_line(&mut first).await.unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    first.trim_end().trim_end_matches(" HTTP/1.1").to_owned()
}
