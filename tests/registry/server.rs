//! A registry of one image that follows a script, on a port of loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// How often the same was asked before.
    pub before: usize,
    /// `127.0.0.1:PORT` of the server.
    pub host: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Where a `Range: bytes=N-` begins; 0 without one.
    pub fn start(&self) -> usize {
        let range = self.header("range").strip_prefix("bytes=");
        range.and_then(|range| range.split('-').next()?.parse().ok()).unwrap_or(0)
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub quirk: Quirk,
}

/// How it goes wrong on the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quirk {
    None,
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// Nothing more comes after so many bytes of the body.
    Stall(usize),
    /// The connection ends before anything is said.
    Close,
    /// No HTTP at all.
    Garbage,
    /// In pieces, without a length.
    Chunked,
    /// A byte now and then: as many pieces.
    Slow(usize),
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply { status, headers: Vec::new(), body: body.into(), quirk: Quirk::None }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn quirk(mut self, quirk: Quirk) -> Reply {
        self.quirk = quirk;
        self
    }
}

type Handler = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// The server; its threads end with it.
pub struct Server {
    /// `127.0.0.1:PORT`.
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    ended: Arc<AtomicBool>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for connections.
        drop(TcpStream::connect(&self.address));
    }
}

impl Server {
    pub fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (requests, ended) =
            (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let server =
            Server { address: address.clone(), requests: requests.clone(), ended: ended.clone() };
        let handler: Handler = Arc::new(handler);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::Relaxed) {
                    return;
                }
                let (handler, requests) = (handler.clone(), requests.clone());
                let (address, ended) = (address.clone(), ended.clone());
                let Ok(stream) = stream else { return };
                std::thread::spawn(move || serve(stream, &handler, &requests, &address, &ended));
            }
        });
        server
    }

    /// Everything that was asked so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// One request a connection: broken ones are the point here.
fn serve(
    mut stream: TcpStream,
    handler: &Handler,
    requests: &Mutex<Vec<Request>>,
    address: &str,
    ended: &AtomicBool,
) -> Option<()> {
    let mut request = read(&stream)?;
    address.clone_into(&mut request.host);
    {
        let mut known = requests.lock().unwrap();
        let same = |it: &&Request| it.method == request.method && it.path == request.path;
        request.before = known.iter().filter(same).count();
        known.push(request.clone());
    }
    let reply = handler(&request);
    match reply.quirk {
        Quirk::Close => return None,
        Quirk::Garbage => return stream.write_all(b"\x16\x03\x01 no HTTP at all\r\n\r\n").ok(),
        _ => {}
    }
    let mut head = format!("HTTP/1.1 {} Because\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    let has_length = reply.headers.iter().any(|(name, _)| name == "Content-Length");
    match reply.quirk {
        Quirk::Chunked => head += "Transfer-Encoding: chunked\r\n",
        _ if has_length => {}
        _ => head += &format!("Content-Length: {}\r\n", reply.body.len()),
    }
    stream.write_all((head + "\r\n").as_bytes()).ok()?;
    if request.method == "HEAD" {
        return Some(());
    }
    match reply.quirk {
        Quirk::Cut(length) => stream.write_all(&reply.body[..length.min(reply.body.len())]).ok(),
        Quirk::Stall(length) => {
            stream.write_all(&reply.body[..length.min(reply.body.len())]).ok()?;
            // Until the other side gives up, or the server ends.
            stream.set_read_timeout(Some(std::time::Duration::from_millis(50))).ok()?;
            while !ended.load(Ordering::Relaxed) {
                match stream.read(&mut [0; 16]) {
                    Ok(0) => return None,
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                    _ => return None,
                }
            }
            None
        }
        Quirk::Chunked => {
            for piece in reply.body.chunks(1000) {
                stream.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).ok()?;
                stream.write_all(piece).ok()?;
                stream.write_all(b"\r\n").ok()?;
            }
            stream.write_all(b"0\r\n\r\n").ok()
        }
        Quirk::Slow(pieces) => {
            for piece in reply.body.chunks(reply.body.len().div_ceil(pieces).max(1)) {
                stream.write_all(piece).ok()?;
                stream.flush().ok()?;
                std::thread::park_timeout(std::time::Duration::from_millis(20));
            }
            Some(())
        }
        _ => stream.write_all(&reply.body).ok(),
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next()?.to_owned(),
        path: words.next()?.to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    reader.take(length).read_to_end(&mut request.body).ok()?;
    Some(request)
}
