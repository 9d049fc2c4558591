//! stub
use crate::config::Settings;
pub struct Options {
    pub lifetime: Option<std::time::Duration>,
}
pub fn run(_s: &Settings, _o: &Options) -> super::Outcome {
    todo!()
}
