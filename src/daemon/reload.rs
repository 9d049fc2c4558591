//! Requests to reload → one reload at a time, on a thread of its own, off the workers and off the event loop.
//!
//! Requests that come while one runs share the next one, so that a storm of signals costs two reloads and a request
//! is never answered by one that began before it. What a reload does is the command's; here is when, that it cannot
//! take the daemon down, and what telemetry says of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::{io, thread};

/// What a reload says, in words for people: what it changed, or why nothing changed.
pub type Reloaded = Result<String, String>;

/// Reads, checks and builds everything anew, then puts it into effect whole; or leaves everything as it was.
pub type Reload = Box<dyn FnMut() -> Reloaded + Send>;

/// Where requests go; cheap to clone.
#[derive(Clone, Default)]
pub struct Reloads {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Requests so far; each has its number.
    asked: u64,
    /// Every request up to this one was answered by `last`.
    answered: u64,
    last: Option<Reloaded>,
    is_over: bool,
}

impl Reloads {
    /// Reloads whenever somebody asked, until [`Reloads::end`]. `note` hears of each before those who asked.
    pub fn start(
        &self,
        mut reload: Reload,
        mut note: impl FnMut(&Reloaded) + Send + 'static,
    ) -> io::Result<()> {
        let reloads = self.clone();
        thread::Builder::new().name("reload".to_owned()).spawn(move || {
            while let Some(request) = reloads.next() {
                let outcome = contained(&mut reload);
                note(&outcome);
                reloads.answer(request, outcome);
            }
        })?;
        Ok(())
    }

    /// Asks and does not wait.
    pub fn ask(&self) {
        self.state().asked += 1;
        self.shared.changed.notify_all();
    }

    /// Waits for the end of a reload that began after this call.
    pub fn ask_and_wait(&self) -> Reloaded {
        let mut state = self.state();
        state.asked += 1;
        let mine = state.asked;
        self.shared.changed.notify_all();
        let is_open = |state: &mut State| state.answered < mine && !state.is_over;
        let state = self.shared.changed.wait_while(state, is_open).unwrap_or_else(PoisonError::into_inner);
        match &state.last {
            Some(outcome) if state.answered >= mine => outcome.clone(),
            _ => Err("not reloaded: the daemon is ending".to_owned()),
        }
    }

    /// No reload begins any more, and nobody waits.
    pub fn end(&self) {
        self.state().is_over = true;
        self.shared.changed.notify_all();
    }

    /// The last request of those that nobody answered.
    fn next(&self) -> Option<u64> {
        let is_idle = |state: &mut State| state.asked == state.answered && !state.is_over;
        let waited = self.shared.changed.wait_while(self.state(), is_idle);
        let state = waited.unwrap_or_else(PoisonError::into_inner);
        (!state.is_over).then_some(state.asked)
    }

    fn answer(&self, request: u64, outcome: Reloaded) {
        let mut state = self.state();
        state.answered = request;
        state.last = Some(outcome);
        self.shared.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A panic is a failed reload. Parts are built beside what is in effect and moved into place, so that is whole.
fn contained(reload: &mut Reload) -> Reloaded {
    catch_unwind(AssertUnwindSafe(reload))
        .unwrap_or_else(|_| Err("the reload panicked; this is a bug".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;

    fn started(reload: impl FnMut() -> Reloaded + Send + 'static) -> Reloads {
        let reloads = Reloads::default();
        reloads.start(Box::new(reload), |_| {}).unwrap();
        reloads
    }

    #[test]
    fn requests_that_come_during_a_reload_share_the_next_one() {
        let (begun, is_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel::<()>();
        let mut number = 0;
        let reloads = started(move || {
            number += 1;
            begun.send(number).unwrap();
            may_go_on.recv().unwrap();
            Ok(format!("reload {number}"))
        });
        reloads.ask();
        assert_eq!(is_begun.recv(), Ok(1));
        (0..100).for_each(|_| reloads.ask());
        std::thread::scope(|scope| {
            let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| reloads.ask_and_wait())).collect();
            while reloads.state().asked < 109 {
                std::thread::yield_now();
            }
            go_on.send(()).unwrap();
            assert_eq!(is_begun.recv(), Ok(2));
            go_on.send(()).unwrap();
            for one in waiting {
                assert_eq!(one.join().unwrap(), Ok("reload 2".to_owned()));
            }
        });
        reloads.end();
        assert!(is_begun.recv().is_err(), "a third one began");
    }

    #[test]
    fn no_two_reloads_run_at_the_same_time_whoever_asks() {
        let running = Arc::new(AtomicU64::new(0));
        let most = Arc::new(AtomicU64::new(0));
        let (inside, seen) = (running.clone(), most.clone());
        let reloads = started(move || {
            seen.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::yield_now();
            inside.fetch_sub(1, Ordering::SeqCst);
            Ok(String::new())
        });
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| assert!(reloads.ask_and_wait().is_ok())));
            }
        });
        assert_eq!((running.load(Ordering::SeqCst), most.load(Ordering::SeqCst)), (0, 1));
    }

    #[test]
    fn a_panic_is_a_failed_reload_and_the_next_one_works() {
        let mut number = 0;
        let reloads = started(move || {
            number += 1;
            assert!(number != 1, "the first one breaks");
            Ok("fine".to_owned())
        });
        assert!(reloads.ask_and_wait().is_err_and(|why| why.contains("panicked")));
        assert_eq!(reloads.ask_and_wait(), Ok("fine".to_owned()));
    }

    #[test]
    fn whoever_waits_at_the_end_is_told_so() {
        let (begun, is_begun) = mpsc::channel();
        let (_go_on, may_go_on) = mpsc::channel::<()>();
        let reloads = started(move || {
            begun.send(()).unwrap();
            let _ = may_go_on.recv();
            Ok(String::new())
        });
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| reloads.ask_and_wait());
            is_begun.recv().unwrap();
            reloads.end();
            assert!(waiting.join().unwrap().is_err());
        });
        assert!(reloads.ask_and_wait().is_err());
    }
}
