//! Plain HTTP for tests: a client that asks once, and a server that keeps what it is sent.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The status and the body of an answer to a GET of a URL such as `http://127.0.0.1:80/path`.
///
/// # Errors
/// The server cannot be reached or does not speak HTTP.
pub fn get(url: &str) -> io::Result<(u16, String)> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (address, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // Version 1.0: the answer ends with the connection, and is in one piece.
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let invalid = || io::Error::new(io::ErrorKind::InvalidData, "no answer in HTTP");
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(invalid)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(invalid)?;
    Ok((status, body.to_owned()))
}

/// A request as a [`Sink`] got it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method and the path.
    pub line: String,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The body as it is, where it is no text.
    pub bytes: Vec<u8>,
}

impl Request {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A server that keeps what it is sent, and answers every request the same until told otherwise. It ends with the process.
#[derive(Debug, Clone)]
pub struct Sink {
    port: u16,
    shared: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Debug)]
struct State {
    requests: Vec<Request>,
    answer: String,
}

impl Sink {
    /// Starts one on a free port of the loopback interface, which answers 200.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let state = State { requests: Vec::new(), answer: "HTTP/1.1 200 OK\r\n\r\n".to_owned() };
        let sink = Self { port, shared: Arc::new((Mutex::new(state), Condvar::new())) };
        let serving = sink.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.serve(stream));
            }
        });
        sink
    }

    /// Its URL, without a path.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Answers so from now on: with a status such as `503 Service Unavailable`, header lines, and a body.
    pub fn answer(&self, status: &str, headers: &str, body: &str) {
        self.state().answer =
            format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    }

    /// What it was sent until now.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Waits until it was sent so many requests, and gives them.
    ///
    /// # Panics
    /// They do not come.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Request> {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.state();
        while state.requests.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} requests in place of {count}: {:?}", state.requests.len(), state.requests);
            state = self.shared.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        state.requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut stream: TcpStream) {
        let Ok(reading) = stream.try_clone() else { return };
        let Some(request) = read(BufReader::new(reading)) else { return };
        let answer = {
            let mut state = self.state();
            state.requests.push(request);
            state.answer.clone()
        };
        self.shared.1.notify_all();
        // Each connection has one request: its end is the end of an answer without a length.
        let _ = stream.write_all(answer.as_bytes());
    }
}

fn read(mut stream: BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let request = Request { line, headers, body: String::new(), bytes: Vec::new() };
    let length = request.header("content-length").map_or(Ok(0), str::parse);
    let mut body = vec![0; length.ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(Request { body: String::from_utf8_lossy(&body).into_owned(), bytes: body, ..request })
}
