//! The places of the server, each for one connection, and who gives way when all are taken.
//!
//! A newcomer never waits in line behind bad clients: it takes the place of the connection that deserves it least. That
//! is one that is done already; then one that has not finished its request's head in time; then one that is idle; then
//! one whose client has stopped fetching its answer; then a young one without a whole head, of the address with the most
//! places; then one that fetches, but for long. A request that we work on is never dropped, nor is an answer that is being
//! fetched; where all are such, the newcomer waits for the first to end or to stop, two seconds at most.
//!
//! Answers that are being fetched give way as well when they take too much memory, see `prints`.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::connection::{Phase, Standing, State, Weight};
use super::listen::Limits;
use super::prints::one_more_fits;
use super::shared::Shared;
use crate::telemetry::Closed;

/// How long there are fewer places after file descriptors ran out.
const SHORTAGE_LASTS: Duration = Duration::from_secs(10);

/// After an accept that failed, before the next.
const PAUSE_MAX: Duration = Duration::from_millis(100);

/// How often who waits for an answer looks for memory.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

pub(super) struct Places {
    limits: Limits,
    shared: Arc<Shared>,
    taken: Mutex<Taken>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Taken {
    all: Vec<Arc<Standing>>,
    /// How many connections there may be since file descriptors ran out, and when that was.
    shortage: Option<(usize, Instant)>,
}

impl Taken {
    fn most(&self, now: Instant, limits: &Limits) -> usize {
        match self.shortage {
            Some((most, since)) if now.saturating_duration_since(since) < SHORTAGE_LASTS => most,
            _ => limits.connections_max,
        }
    }
}

/// A connection's place, given back when dropped.
pub(super) struct Place {
    pub standing: Arc<Standing>,
    places: Arc<Places>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shortage {
    New,
    Known,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all.retain(|standing| !Arc::ptr_eq(standing, &self.standing));
        self.places.shared.telemetry.connections(taken.all.len());
        drop(taken);
        self.places.changed.notify_waiters();
    }
}

impl Places {
    pub fn new(limits: Limits, shared: Arc<Shared>) -> Arc<Places> {
        Arc::new(Places { limits, shared, taken: Mutex::default(), changed: Arc::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        // Nothing that can panic is done under the lock.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, somebody else's if need be. Waits where all clients are as good as this one: are about to ask, or fetch.
    pub async fn take(self: &Arc<Self>, address: IpAddr) -> Place {
        loop {
            let changed = self.changed.notified();
            if let Some(place) = self.try_take(address, Instant::now()) {
                return place;
            }
            all_take_their_steps().await;
            if let Some(place) = self.try_take(address, Instant::now()) {
                return place;
            }
            if self.evict(Instant::now()) {
                changed.await;
            } else {
                // Whether somebody has settled is not told.
                let _ = timeout(self.limits.settling, changed).await;
            }
        }
    }

    fn try_take(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Place> {
        let mut taken = self.taken();
        if taken.all.len() >= taken.most(now, &self.limits) {
            return None;
        }
        let standing = Arc::new(Standing::new(address, self.changed.clone(), now));
        taken.all.push(standing.clone());
        self.shared.telemetry.connections(taken.all.len());
        Some(Place { standing, places: self.clone() })
    }

    /// Accepting failed, for want of file descriptors most likely: from now on there are fewer places than connections.
    pub fn fall_short(&self, now: Instant) -> Shortage {
        let mut taken = self.taken();
        let is_new = taken.most(now, &self.limits) == self.limits.connections_max;
        taken.shortage = Some((taken.all.len().saturating_sub(1).max(1), now));
        if is_new { Shortage::New } else { Shortage::Known }
    }

    /// Waits for a connection less, or a moment where there is none to wait for.
    pub async fn make_room(&self) {
        let changed = self.changed.notified();
        all_take_their_steps().await;
        let has_any = !self.taken().all.is_empty();
        let is_asked = self.evict(Instant::now());
        let _ = timeout(if has_any && !is_asked { self.limits.settling } else { PAUSE_MAX }, changed).await;
    }

    /// Waits for an answer that waits for memory, and asks for it those who hold it without need.
    pub async fn making_room<T>(&self, answer: impl Future<Output = T>) -> T {
        let mut answer = pin!(answer);
        loop {
            if let Ok(answer) = timeout(LOOK_INTERVAL, &mut answer).await {
                return answer;
            }
            all_take_their_steps().await;
            self.make_room_for_answer(Instant::now());
        }
    }

    fn make_room_for_answer(&self, now: Instant) {
        let taken = self.taken();
        loop {
            let all: Vec<State> = taken.all.iter().map(|standing| standing.look()).collect();
            if answers_fit(&all) {
                return;
            }
            let Some(place) = least_answer(&all, now, &self.limits) else { return };
            taken.all[place].ask_to_leave(Closed::AnswerEvicted);
        }
    }

    /// False where nobody can be asked.
    fn evict(&self, now: Instant) -> bool {
        let taken = self.taken();
        let all: Vec<(IpAddr, State)> =
            taken.all.iter().map(|standing| (standing.address, standing.look())).collect();
        let limits = Limits { connections_max: taken.most(now, &self.limits), ..self.limits };
        let Some((place, reason)) = least(&all, now, &limits) else { return false };
        taken.all[place].ask_to_leave(reason);
        true
    }
}

/// Lets every connection take the steps that its client is ready for. When we are late ourselves, all clients look as if
/// they were; nobody is to be judged by that.
async fn all_take_their_steps() {
    tokio::task::yield_now().await;
}

/// When an answer may be cut, if it may.
fn answer_rank(state: &State, now: Instant, limits: &Limits) -> Option<u8> {
    if now.saturating_duration_since(state.since) >= limits.grace {
        return Some(3);
    }
    (now.saturating_duration_since(state.answering_since) >= limits.long_answer).then_some(5)
}

/// Whether one more answer fits beside those that are being fetched.
fn answers_fit(all: &[State]) -> bool {
    let mut answers: Vec<Weight> =
        all.iter().filter(|s| s.phase == Phase::Answering && s.leaving.is_none()).map(|s| s.answer).collect();
    answers.sort_unstable_by_key(|answer| answer.id);
    answers.dedup_by_key(|answer| answer.id);
    one_more_fits(answers.iter().map(|answer| answer.bytes))
}

/// The place of the answer that is cut next for want of memory.
fn least_answer(all: &[State], now: Instant, limits: &Limits) -> Option<usize> {
    let answers = all.iter().enumerate().filter(|(_, s)| s.phase == Phase::Answering && s.leaving.is_none());
    let ranked =
        answers.filter_map(|(place, state)| Some(((answer_rank(state, now, limits)?, state.since), place)));
    ranked.min_by_key(|(key, _)| *key).map(|(_, place)| place)
}

/// The place of the connection that gives way next, and what for.
fn least(all: &[(IpAddr, State)], now: Instant, limits: &Limits) -> Option<(usize, Closed)> {
    let share = |address: &IpAddr| all.iter().filter(|(other, _)| other == address).count();
    let is_head = |state: &State| matches!(state.phase, Phase::Silent | Phase::Head);
    // Else heads would push out each other from the few places that answers leave them, too fast for a good one.
    let has_many_heads = 4 * all.iter().filter(|(_, state)| is_head(state)).count() >= limits.connections_max;
    let candidates = all.iter().enumerate().filter(|(_, (_, state))| state.leaving.is_none());
    let ranked = candidates.filter_map(|(place, (address, state))| {
        let age = now.saturating_duration_since(state.since);
        let is_young = age < limits.grace;
        let (rank, reason) = match state.phase {
            Phase::Serving => return None,
            Phase::Silent | Phase::Head if age < limits.settling => return None,
            Phase::Closing => (0, Closed::Closing),
            Phase::Silent | Phase::Head if !is_young => (1, Closed::HeadEvicted),
            Phase::Idle => (2, Closed::IdleEvicted),
            Phase::Silent | Phase::Head if has_many_heads => (4, Closed::HeadEvicted),
            Phase::Silent | Phase::Head => return None,
            Phase::Answering => (answer_rank(state, now, limits)?, Closed::AnswerEvicted),
        };
        let share = if rank >= 4 { share(address) } else { 0 };
        Some(((rank, Reverse(share), state.since), place, reason))
    });
    ranked.min_by_key(|(key, _, _)| *key).map(|(_, place, reason)| (place, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    use Phase::{Answering, Closing, Head, Idle, Serving, Silent};

    const NEW: u64 = 1;
    const YOUNG: u64 = 10;
    const OLD: u64 = 5_000;

    fn now() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    /// Who gives way of connections of (last byte of the address, phase, age in milliseconds).
    fn gives_way(all: &[(u8, Phase, u64)]) -> Option<(usize, Closed)> {
        let now = now();
        let states: Vec<_> = all
            .iter()
            .map(|(address, phase, age)| {
                let since = now - Duration::from_millis(*age);
                (IpAddr::from([10, 0, 0, *address]), State { phase: *phase, ..State::new(since) })
            })
            .collect();
        least(&states, now, &Limits::default())
    }

    fn answer(now: Instant, age: u64, id: usize, bytes: usize) -> State {
        let since = now - Duration::from_millis(age);
        State { phase: Answering, answer: Weight { id, bytes }, ..State::new(since) }
    }

    #[test]
    fn the_order_is_done_then_slow_heads_then_idle_then_slow_answers_then_the_busy() {
        let mut all = vec![
            (1, Serving, OLD),
            (1, Silent, NEW),
            (1, Answering, YOUNG),
            (1, Closing, YOUNG),
            (1, Silent, OLD),
            (1, Head, OLD - 1),
            (1, Idle, OLD),
            (1, Idle, YOUNG),
            (1, Answering, OLD),
            (1, Head, YOUNG + 1),
        ];
        all.extend([(1, Head, YOUNG); 14]);
        let mut left = Vec::new();
        while let Some((place, reason)) = gives_way(&all) {
            left.push((all.remove(place), reason));
        }
        assert_eq!(
            left,
            [
                ((1, Closing, YOUNG), Closed::Closing),
                ((1, Silent, OLD), Closed::HeadEvicted),
                ((1, Head, OLD - 1), Closed::HeadEvicted),
                ((1, Idle, OLD), Closed::IdleEvicted),
                ((1, Idle, YOUNG), Closed::IdleEvicted),
                ((1, Answering, OLD), Closed::AnswerEvicted),
                ((1, Head, YOUNG + 1), Closed::HeadEvicted),
            ]
        );
        let kept = [(1, Serving, OLD), (1, Silent, NEW), (1, Answering, YOUNG), (1, Head, YOUNG)];
        assert_eq!(all[..4], kept, "these keep their places");
        assert_eq!(all.len(), 17, "and a quarter of the places is left to young heads");
    }

    #[test]
    fn among_young_heads_the_address_with_the_most_places_gives_way() {
        let good = (9, Head, YOUNG + 5);
        let mut all = vec![good];
        all.extend((0..60).map(|_| (1, Head, YOUNG)));
        all.push((2, Head, YOUNG + 1));
        all.push((2, Head, YOUNG));
        for _ in 0..40 {
            let (place, _) = gives_way(&all).unwrap();
            assert_eq!(all.remove(place).0, 1);
        }
        all.extend([(2, Head, YOUNG); 18]);
        // Equal shares: the longest wait.
        assert_eq!(gives_way(&all).map(|(place, _)| all[place]), Some((2, Head, YOUNG + 1)), "{all:?}");
    }

    #[test]
    fn an_answer_that_is_fetched_steadily_is_cut_when_it_takes_too_long_and_others_need_the_place() {
        let (now, limits) = (now(), Limits::default());
        let mut state = answer(now, 0, 1, 1);
        let rank = |state: &State| answer_rank(state, now, &limits);
        assert_eq!(rank(&state), None);
        state.answering_since = now - limits.long_answer;
        assert_eq!(rank(&state), Some(5));
        state.since = now - limits.grace;
        assert_eq!(rank(&state), Some(3), "nor is it fetched now");
    }

    #[test]
    fn nobody_is_asked_twice() {
        let now = now();
        let state = State { leaving: Some(Closed::HeadEvicted), ..State::new(now - Duration::from_secs(9)) };
        assert_eq!(least(&[(IpAddr::from([1, 1, 1, 1]), state)], now, &Limits::default()), None);
        let state = State { leaving: Some(Closed::AnswerEvicted), ..answer(now, OLD, 1, 1) };
        assert_eq!(least_answer(&[state], now, &Limits::default()), None);
    }

    #[test]
    fn answers_share_what_they_share_and_the_slowest_makes_room() {
        const MIB: usize = 1 << 20;
        let (now, limits) = (now(), Limits::default());
        let fit = answers_fit;
        let mut all: Vec<State> = (0..60).map(|_| answer(now, OLD, 1, 4 * MIB)).collect();
        assert!(fit(&all), "they share one");
        all.push(answer(now, YOUNG, 2, 4 * MIB));
        all.push(answer(now, YOUNG, 3, 4 * MIB));
        assert!(fit(&all), "and there is room for a fourth");
        all.push(answer(now, OLD + 1, 4, 4 * MIB));
        assert!(!fit(&all));
        assert_eq!(least_answer(&all, now, &limits), Some(62));
        all[62].leaving = Some(Closed::AnswerEvicted);
        assert!(fit(&all), "one who leaves is as good as gone");
        assert!(fit(&[answer(now, 0, 1, 30 * MIB), answer(now, 0, 2, 30 * MIB)]), "three of any size");
        let three = [answer(now, 0, 1, 30 * MIB), answer(now, 0, 2, 30 * MIB), answer(now, 0, 3, 30 * MIB)];
        assert!(!fit(&three) && least_answer(&three, now, &limits).is_none(), "wait for one of them");
    }
}
