//! A slow way to a broker: bytes pass on as they come, or late, or not at all, and connections can be cut.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Default)]
struct State {
    delay_ms: AtomicU64,
    is_closed: AtomicBool,
    is_over: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

/// Listens until it is dropped.
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    pub fn start(upstream: u16) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let here = state.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if here.is_over.load(Ordering::SeqCst) {
                    return;
                }
                // A client that is turned away sees its connection end at once, as it does when the broker is down.
                if !here.is_closed.load(Ordering::SeqCst)
                    && let Ok(broker) = TcpStream::connect(("127.0.0.1", upstream))
                {
                    pass_on(&here, &client, &broker);
                }
            }
        });
        Proxy { port, state }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Each piece of up to 64 kB waits so long, both ways: a slow link as well as a far one.
    pub fn delay(&self, by: Duration) {
        self.state.delay_ms.store(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Ends the connections of the moment; how many.
    pub fn cut(&self) -> usize {
        let mut streams = self.state.streams.lock().unwrap();
        // Clients and brokers take turns.
        let ended = streams.chunks(2).filter(|pair| pair[0].shutdown(Shutdown::Both).is_ok()).count();
        streams.drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
        ended
    }

    /// Whether clients get no further.
    pub fn close(&self, is_closed: bool) {
        self.state.is_closed.store(is_closed, Ordering::SeqCst);
        if is_closed {
            self.cut();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the one who waits for clients.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn pass_on(state: &Arc<State>, client: &TcpStream, broker: &TcpStream) {
    let twice = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    state.streams.lock().unwrap().extend([twice(client), twice(broker)]);
    for (mut from, mut to) in [(twice(client), twice(broker)), (twice(broker), twice(client))] {
        let state = state.clone();
        std::thread::spawn(move || {
            let mut piece = vec![0; 64 << 10];
            while let Ok(length @ 1..) = from.read(&mut piece) {
                std::thread::sleep(Duration::from_millis(state.delay_ms.load(Ordering::SeqCst)));
                if to.write_all(&piece[..length]).is_err() {
                    break;
                }
            }
            // One side gone, so is the other.
            let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
        });
    }
}
