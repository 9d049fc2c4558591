//! The places of the server, each for one connection, and who gives way when all are taken.
//!
//! A newcomer never waits in line behind bad clients: it takes the place of the connection that deserves it least. That
//! is one that is done already; then one that has not finished its request's head in time; then one that is idle; then
//! one whose client has stopped fetching its answer. When all are busy and young, it is one of the address with the most
//! places, the one that has waited longest. A request that we work on is never dropped, and we do not work for long.

use std::cmp::Reverse;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection::{Phase, Standing, State};
use super::listen::Limits;
use super::shared::Shared;
use crate::telemetry::Closed;

pub(super) struct Places {
    limits: Limits,
    shared: Arc<Shared>,
    taken: Mutex<Vec<Arc<Standing>>>,
    changed: Arc<Notify>,
}

/// A connection's place, given back when dropped.
pub(super) struct Place {
    pub standing: Arc<Standing>,
    places: Arc<Places>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Made,
    None,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.retain(|standing| !Arc::ptr_eq(standing, &self.standing));
        self.places.shared.telemetry.connections(taken.len());
        drop(taken);
        self.places.changed.notify_waiters();
    }
}

impl Places {
    pub fn new(limits: Limits, shared: Arc<Shared>) -> Arc<Places> {
        Arc::new(Places { limits, shared, taken: Mutex::default(), changed: Arc::default() })
    }

    fn taken(&self) -> MutexGuard<'_, Vec<Arc<Standing>>> {
        // Nothing that can panic is done under the lock.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place, somebody else's if need be. Waits for no client, at most for our own work on all connections.
    pub async fn take(self: &Arc<Self>, address: IpAddr) -> Place {
        loop {
            let changed = self.changed.notified();
            if let Some(place) = self.try_take(address, Instant::now()) {
                return place;
            }
            self.evict(Instant::now());
            changed.await;
        }
    }

    fn try_take(self: &Arc<Self>, address: IpAddr, now: Instant) -> Option<Place> {
        let mut taken = self.taken();
        if taken.len() >= self.limits.connections_max {
            return None;
        }
        let standing = Arc::new(Standing::new(address, self.changed.clone(), now));
        taken.push(standing.clone());
        self.shared.telemetry.connections(taken.len());
        Some(Place { standing, places: self.clone() })
    }

    /// Asks the connection that deserves its place least to leave, and waits until it has.
    pub async fn make_room(&self) -> Room {
        let changed = self.changed.notified();
        if !self.evict(Instant::now()) {
            return Room::None;
        }
        changed.await;
        Room::Made
    }

    /// False where nobody can be asked.
    fn evict(&self, now: Instant) -> bool {
        let taken = self.taken();
        let all: Vec<(IpAddr, State)> =
            taken.iter().map(|standing| (standing.address, standing.look())).collect();
        let Some((place, reason)) = least(&all, now, &self.limits) else { return false };
        taken[place].ask_to_leave(reason);
        true
    }
}

/// The place of the connection that gives way next, and what for.
fn least(all: &[(IpAddr, State)], now: Instant, limits: &Limits) -> Option<(usize, Closed)> {
    let share = |address: &IpAddr| all.iter().filter(|(other, _)| other == address).count();
    let candidates = all.iter().enumerate().filter(|(_, (_, state))| state.leaving.is_none());
    let ranked = candidates.filter_map(|(place, (address, state))| {
        let is_young = now.saturating_duration_since(state.since) < limits.grace;
        let (rank, reason) = match state.phase {
            Phase::Serving => return None,
            Phase::Closing => (0, Closed::Closing),
            Phase::Silent | Phase::Head if !is_young => (1, Closed::HeadEvicted),
            Phase::Idle => (2, Closed::IdleEvicted),
            Phase::Answering if !is_young => (3, Closed::AnswerEvicted),
            Phase::Silent | Phase::Head => (4, Closed::HeadEvicted),
            Phase::Answering => (4, Closed::AnswerEvicted),
        };
        let share = if rank == 4 { share(address) } else { 0 };
        Some(((rank, Reverse(share), state.since), place, reason))
    });
    ranked.min_by_key(|(key, _, _)| *key).map(|(_, place, reason)| (place, reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use Phase::{Answering, Closing, Head, Idle, Serving, Silent};

    const YOUNG: u64 = 10;
    const OLD: u64 = 5_000;

    /// Who gives way of connections of (last byte of the address, phase, age in milliseconds).
    fn gives_way(all: &[(u8, Phase, u64)]) -> Option<(usize, Closed)> {
        let limits = Limits::default();
        let now = Instant::now() + Duration::from_secs(3600);
        let states: Vec<_> = all
            .iter()
            .map(|(address, phase, age)| {
                let since = now - Duration::from_millis(*age);
                let state = State { phase: *phase, ..State::new(since) };
                (IpAddr::from([10, 0, 0, *address]), state)
            })
            .collect();
        least(&states, now, &limits)
    }

    #[test]
    fn the_order_is_done_then_slow_heads_then_idle_then_slow_answers_then_the_busy() {
        let mut all = vec![
            (1, Serving, OLD),
            (1, Closing, YOUNG),
            (1, Silent, OLD),
            (1, Head, OLD - 1),
            (1, Idle, OLD),
            (1, Idle, YOUNG),
            (1, Answering, OLD),
            (1, Head, YOUNG + 1),
            (1, Answering, YOUNG),
        ];
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
                ((1, Answering, YOUNG), Closed::AnswerEvicted),
            ]
        );
        assert_eq!(all, [(1, Serving, OLD)], "what we work on stays");
    }

    #[test]
    fn among_the_busy_the_address_with_the_most_places_gives_way() {
        let good = (9, Head, YOUNG + 5);
        let mut all = vec![good];
        all.extend((0..60).map(|_| (1, Head, YOUNG)));
        all.push((2, Answering, YOUNG + 1));
        all.push((2, Answering, YOUNG));
        for _ in 0..58 {
            let (place, _) = gives_way(&all).unwrap();
            assert_eq!(all.remove(place).0, 1);
        }
        // Equal shares: the longest wait.
        assert_eq!(gives_way(&all), Some((3, Closed::AnswerEvicted)), "{all:?}");
    }

    #[test]
    fn nobody_is_asked_twice() {
        let now = Instant::now();
        let mut state = State::new(now);
        state.leaving = Some(Closed::HeadEvicted);
        assert_eq!(least(&[(IpAddr::from([1, 1, 1, 1]), state)], now, &Limits::default()), None);
    }
}
