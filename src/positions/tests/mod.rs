//! The rules one by one, and all of them in a random model of a group.

mod model;
mod rules;
mod stamps;
