//! What a loss of power leaves of the names: those whose directory was synced, and of the later changes any that do not
//! stand on one that was lost.
//!
//! This is weaker than what a journaling file system does (which loses the end and nothing else) and as weak as what is
//! written down: no order between two names without a sync between them.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};

use super::dice::Dice;
use super::tree::{Body, Effect, Key, Tree};

impl Tree {
    /// Makes the pending changes of such names last, and those that they stand on.
    pub fn settle(&mut self, asked: impl Fn(Key, &OsStr) -> bool) {
        let mut needed: BTreeSet<(Key, OsString)> = BTreeSet::new();
        let mut lasting = Vec::new();
        let mut pending = Vec::new();
        for effects in std::mem::take(&mut self.pending).into_iter().rev() {
            let is_needed = effects.iter().any(|effect| {
                asked(effect.directory, &effect.name)
                    || needed.contains(&(effect.directory, effect.name.clone()))
            });
            if is_needed {
                needed.extend(effects.iter().map(|effect| (effect.directory, effect.name.clone())));
                lasting.push(effects);
            } else {
                pending.push(effects);
            }
        }
        pending.reverse();
        self.pending = pending;
        for effects in lasting.into_iter().rev() {
            let gone = self.make_lasting(effects);
            self.collect(gone);
        }
    }

    /// The nodes that lost a lasting name, for [`Tree::collect`].
    pub fn make_lasting(&mut self, effects: Vec<Effect>) -> Vec<Key> {
        let mut gone = Vec::new();
        for Effect { directory, name, node } in effects {
            let Some(found) = self.nodes.get_mut(&directory) else {
                // The directory itself is gone.
                if let Some(key) = node {
                    self.node_mut(key).lasting -= 1;
                    gone.push(key);
                }
                continue;
            };
            let Body::Directory(found) = &mut found.body else { unreachable!("names are in directories") };
            let before = match node {
                Some(key) => found.lasting.insert(name, key),
                None => found.lasting.remove(&name),
            };
            if let Some(before) = before {
                self.node_mut(before).lasting -= 1;
                gone.push(before);
            }
        }
        gone
    }

    /// The world as the next start finds it. `spares_logs`: what the model writer made is whole.
    pub fn lose_power(&mut self, dice: &mut Dice, spares_logs: bool) {
        let mut lost: BTreeSet<(Key, OsString)> = BTreeSet::new();
        // Journaled: once one change is lost all later ones are.
        let journaled = dice.coin();
        let kept_per_mille = *dice.pick(&[0, 200, 500, 800, 1000]);
        let mut is_over = false;
        for effects in std::mem::take(&mut self.pending) {
            let stands_on_lost =
                effects.iter().any(|effect| lost.contains(&(effect.directory, effect.name.clone())));
            if stands_on_lost || is_over || !dice.chance(kept_per_mille) {
                is_over |= journaled;
                lost.extend(effects.into_iter().map(|effect| (effect.directory, effect.name)));
            } else {
                self.make_lasting(effects);
            }
        }
        for node in self.nodes.values_mut() {
            match &mut node.body {
                Body::Directory(directory) => directory.names = directory.lasting.clone(),
                Body::Regular(content) if !(spares_logs && node.by_writer) => content.lose_power(dice),
                _ => {}
            }
        }
        self.drop_unreachable();
    }

    fn drop_unreachable(&mut self) {
        let mut todo: Vec<Key> = self.devices.iter().map(|device| device.root).collect();
        for node in self.nodes.values_mut() {
            (node.links, node.lasting, node.open) = (0, 0, 0);
        }
        while let Some(key) = todo.pop() {
            let node = self.node_mut(key);
            (node.links, node.lasting) = (node.links + 1, node.lasting + 1);
            if node.links > 1 {
                continue;
            }
            if let Body::Directory(directory) = &node.body {
                let below: Vec<Key> = directory.names.values().copied().collect();
                for below in &below {
                    if let Body::Directory(child) = &mut self.node_mut(*below).body {
                        child.parent = key;
                    }
                }
                todo.extend(below);
            }
        }
        self.nodes.retain(|_, node| node.links > 0);
        let alive = &self.nodes;
        self.mounts.retain(|below, over| alive.contains_key(below) && alive.contains_key(over));
        self.give_numbers();
    }

    /// Numbers of names that came back may have been given away.
    fn give_numbers(&mut self) {
        let mut taken: BTreeSet<(usize, u64)> = BTreeSet::new();
        for node in self.nodes.values_mut() {
            while !taken.insert((node.device, node.number)) {
                node.number += 100_000;
            }
        }
        self.renumber();
    }
}
