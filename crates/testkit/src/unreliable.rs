//! A link to a server that can be told to misbehave: a proxy between a client and an object store.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the link behaves. A change ends the connections that are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Everything passes.
    Passes,
    /// Every request is answered with this status.
    Answers(u16),
    /// Requests are taken and never answered.
    Stalls,
    /// A connection breaks once it has carried so many bytes to the server.
    BreaksAfter(usize),
    /// A connection carries nothing more once the client says this word, such as the end of a file's name.
    StallsAt(&'static str),
}

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct Unreliable {
    /// Where it listens, as a URL.
    pub endpoint: String,
    mood: watch::Sender<Mood>,
    stopped: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Unreliable {
    /// Listens at an address of this machine, in front of `server`, which is `http://HOST:PORT`.
    pub async fn start(address: Ipv4Addr, server: &str) -> Result<Self> {
        let server =
            server.strip_prefix("http://").context("only plain HTTP can be interfered with")?.to_owned();
        let listener = TcpListener::bind((address, 0)).await.context("failed to listen")?;
        let endpoint =
            format!("http://{}", listener.local_addr().context("failed to read the proxy's own address")?);
        let (mood, moods) = watch::channel(Mood::Passes);
        let stopped = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&stopped);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(connection(client, server.clone(), moods.clone(), Arc::clone(&count)));
            }
        });
        Ok(Self { endpoint, mood, stopped, task })
    }

    /// Changes how it behaves, for open connections too.
    pub fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// How many connections [`Mood::BreaksAfter`] and [`Mood::StallsAt`] have stopped.
    pub fn stopped(&self) -> usize {
        self.stopped.load(Ordering::Relaxed)
    }
}

impl Drop for Unreliable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One connection, until it ends, breaks, or the mood changes.
async fn connection(
    client: TcpStream,
    server: String,
    mut moods: watch::Receiver<Mood>,
    stopped: Arc<AtomicUsize>,
) {
    let mood = *moods.borrow_and_update();
    let served = async {
        match mood {
            Mood::Passes => forward(client, &server, usize::MAX).await.map(drop),
            Mood::BreaksAfter(bytes) => forward(client, &server, bytes).await.map(|carried| {
                stopped.fetch_add(usize::from(carried == bytes as u64), Ordering::Relaxed);
            }),
            Mood::StallsAt(word) => forward_until(client, &server, word, &stopped).await,
            Mood::Answers(status) => answer(client, status).await,
            Mood::Stalls => std::future::pending().await,
        }
    };
    tokio::select! {
        // Either end may break off at any time: that is what it is for.
        _ended = served => {}
        _changed = moods.changed() => {}
    }
}

/// Carries bytes both ways, and ends after so many to the server; how many those were.
async fn forward(mut client: TcpStream, server: &str, limit: usize) -> std::io::Result<u64> {
    let mut upstream = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = upstream.split();
    let requests = async {
        let mut limited = (&mut from_client).take(limit as u64);
        tokio::io::copy(&mut limited, &mut to_server).await
    };
    tokio::select! {
        carried = requests => carried,
        answered = tokio::io::copy(&mut from_server, &mut to_client) => answered.map(|_| 0),
    }
}

/// Carries bytes both ways until the client says a word; the connection stays open, and silent.
async fn forward_until(
    mut client: TcpStream,
    server: &str,
    word: &str,
    stopped: &AtomicUsize,
) -> std::io::Result<()> {
    let mut upstream = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = upstream.split();
    let requests = async {
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = from_client.read(&mut chunk).await?;
            if read == 0 {
                return Ok(());
            }
            if chunk[..read].windows(word.len()).any(|said| said == word.as_bytes()) {
                stopped.fetch_add(1, Ordering::Relaxed);
                return std::future::pending().await;
            }
            to_server.write_all(&chunk[..read]).await?;
        }
    };
    tokio::select! {
        ended = requests => ended,
        answered = tokio::io::copy(&mut from_server, &mut to_client) => answered.map(drop),
    }
}

/// Reads whole heads and answers each.
async fn answer(mut client: TcpStream, status: u16) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut chunk = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = client.read(&mut chunk).await?;
        if read == 0 {
            return Ok(());
        }
        head.extend_from_slice(&chunk[..read]);
    }
    let text = format!("HTTP/1.1 {status} Told So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    client.write_all(text.as_bytes()).await?;
    client.shutdown().await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A server that answers `ok` to every connection's first bytes.
    async fn server() -> String {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(answer(client, 200));
            }
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn each_mood_is_seen_by_a_client() {
        let proxy = Unreliable::start(Ipv4Addr::LOCALHOST, &server().await).await.unwrap();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(2)).build().unwrap();
        let get =
            || async { client.get(&proxy.endpoint).send().await.map(|answer| answer.status().as_u16()) };
        assert_eq!(get().await.unwrap(), 200);
        proxy.set(Mood::Answers(503));
        assert_eq!(get().await.unwrap(), 503);
        proxy.set(Mood::BreaksAfter(10));
        assert!(!get().await.unwrap_err().is_timeout());
        assert_eq!(proxy.stopped(), 1);
        proxy.set(Mood::StallsAt("/archive"));
        assert_eq!(get().await.unwrap(), 200);
        let archive = client.get(format!("{}/archive", proxy.endpoint)).send().await;
        assert!(archive.unwrap_err().is_timeout());
        assert_eq!(proxy.stopped(), 2);
        proxy.set(Mood::Stalls);
        assert!(get().await.unwrap_err().is_timeout());
        proxy.set(Mood::Passes);
        assert_eq!(get().await.unwrap(), 200);
    }
}
