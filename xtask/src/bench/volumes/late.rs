//! A proxy that lets a server answer late: what it sends is handed on after a while, in order, and as much of it at once as there is.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How much is read at once.
const PIECE: usize = 256 << 10;
/// How many pieces are on their way: enough for a gigabyte a second.
const PIECES: usize = 128;

/// Starts a proxy of a server, which answers so much later: its address. It ends with the program.
pub(super) async fn start(server: SocketAddr, delay: Duration) -> Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("failed to open a port")?;
    let address = listener.local_addr().context("failed to find the port")?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(connect(client, server, delay));
        }
    });
    Ok(address)
}

async fn connect(client: TcpStream, server: SocketAddr, delay: Duration) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let no_delay = client.set_nodelay(true).and_then(|()| server.set_nodelay(true));
    if no_delay.is_err() {
        return;
    }
    let ((mut from_client, mut to_client), (from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let asks = async {
        // whoever hangs up ends it for both
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        to_server.shutdown().await
    };
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES);
    let answers = read(from_server, sender, delay);
    let handed_on = async {
        while let Some((at, piece)) = receiver.recv().await {
            tokio::time::sleep_until(at).await;
            if to_client.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to_client.shutdown().await;
    };
    let _ = tokio::join!(asks, answers, handed_on);
}

async fn read(
    mut server: tokio::net::tcp::OwnedReadHalf,
    sender: mpsc::Sender<(Instant, Vec<u8>)>,
    delay: Duration,
) {
    let mut piece = vec![0; PIECE];
    while let Ok(count) = server.read(&mut piece).await {
        let sent = sender.send((Instant::now() + delay, piece[..count].to_vec())).await;
        if count == 0 || sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_come_late_and_whole() {
        let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut asked = [0; 4];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(&vec![7; 1_000_000]).await.unwrap();
        });
        let delay = Duration::from_millis(50);
        let proxy = start(address, delay).await.unwrap();
        let begin = Instant::now();
        let mut stream = TcpStream::connect(proxy).await.unwrap();
        stream.write_all(b"ask!").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        assert!(begin.elapsed() >= delay);
        assert_eq!(answer, vec![7; 1_000_000]);
    }
}
