//! A small HTTP server on the loopback that can misbehave, for tests of fetching.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// How the server answers instead of giving the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misbehaviour {
    NotFound,
    ServerError,
    Unavailable,
    /// A page of HTML with status 200, as captive portals answer.
    Html,
    /// Nothing after the head.
    Stall,
    /// Nothing at all.
    Silence,
    /// A byte now and then, for ever.
    Drip,
    /// Half of the body, and then the connection is torn down.
    Reset,
    /// Half of the body, and then an orderly end although more was declared.
    Truncate,
    /// Half of the body, and an orderly end without any declared length.
    EndEarly,
    RedirectLoop,
    /// A body of the right length that is not the file.
    WrongBytes,
    /// A body that does not end, without a declared length.
    Endless,
}

/// The server; it ends when this is dropped.
pub struct Server {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    misbehaviour: Option<(Misbehaviour, u32)>,
    requests: Vec<String>,
}

impl Server {
    pub async fn start(files: BTreeMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!(
            "http://{}/debian",
            listener.local_addr().expect("an address")
        );
        let state = Arc::new(Mutex::new(State {
            files,
            ..State::default()
        }));
        let served = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, served.clone()));
            }
        });
        Self { url, state, task }
    }

    /// Returns the root of the archive that is served.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn misbehave(&self, how: Misbehaviour) {
        self.misbehave_times(how, u32::MAX);
    }

    /// Answers wrongly for so many requests, and rightly after that.
    pub fn misbehave_times(&self, how: Misbehaviour, times: u32) {
        self.state.lock().expect("no panic").misbehaviour = Some((how, times));
    }

    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        self.state
            .lock()
            .expect("no panic")
            .files
            .insert(path.to_owned(), bytes);
    }

    pub fn remove(&self, path: &str) {
        self.state.lock().expect("no panic").files.remove(path);
    }

    /// Returns the paths that were asked for, in order.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().expect("no panic").requests.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let Some(path) = requested_path(&mut stream).await else {
        return;
    };
    let (file, how) = {
        let mut state = state.lock().expect("no panic");
        state.requests.push(path.clone());
        let how = match &mut state.misbehaviour {
            Some((how, times)) if *times > 0 => {
                *times -= 1;
                Some(*how)
            }
            Some(_) | None => None,
        };
        (state.files.get(&path).cloned(), how)
    };
    // A client that has gone away is not the server's concern.
    let _ = answer(&mut stream, &path, file, how).await;
}

async fn requested_path(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await.ok()? == 0 || request.len() > 64 * 1024 {
            return None;
        }
    }
    let request = String::from_utf8(request).ok()?;
    let path = request.split(' ').nth(1)?;
    Some(path.strip_prefix("/debian/").unwrap_or(path).to_owned())
}

async fn answer(
    stream: &mut TcpStream,
    path: &str,
    file: Option<Vec<u8>>,
    how: Option<Misbehaviour>,
) -> std::io::Result<()> {
    let Some(how) = how else {
        return match file {
            Some(file) => whole(stream, "200 OK", &file).await,
            None => whole(stream, "404 Not Found", b"no such file").await,
        };
    };
    let file = file.unwrap_or_else(|| vec![b'x'; 4096]);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        file.len()
    );
    let endless = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    let half = &file[..file.len() / 2];
    match how {
        Misbehaviour::NotFound => whole(stream, "404 Not Found", b"gone").await,
        Misbehaviour::ServerError => whole(stream, "500 Internal Server Error", b"oops").await,
        Misbehaviour::Unavailable => whole(stream, "503 Service Unavailable", b"later").await,
        Misbehaviour::Html => whole(stream, "200 OK", b"<html>please log in</html>").await,
        Misbehaviour::Silence => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        Misbehaviour::Stall => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(half).await?;
            tokio::time::sleep(Duration::from_secs(60)).await;
            Ok(())
        }
        Misbehaviour::Drip => {
            stream.write_all(head.as_bytes()).await?;
            for byte in file {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        }
        Misbehaviour::Reset => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(half).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
            stream.set_zero_linger()
        }
        Misbehaviour::Truncate => {
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(half).await
        }
        Misbehaviour::EndEarly => {
            stream.write_all(endless.as_bytes()).await?;
            stream.write_all(half).await
        }
        Misbehaviour::RedirectLoop => {
            let head = format!(
                "HTTP/1.1 302 Found\r\nLocation: /debian/{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await
        }
        Misbehaviour::WrongBytes => {
            let wrong: Vec<u8> = file.iter().map(|byte| byte ^ 1).collect();
            whole(stream, "200 OK", &wrong).await
        }
        Misbehaviour::Endless => {
            stream.write_all(endless.as_bytes()).await?;
            loop {
                stream.write_all(&[b'x'; 4096]).await?;
            }
        }
    }
}

async fn whole(stream: &mut TcpStream, status: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await
}
