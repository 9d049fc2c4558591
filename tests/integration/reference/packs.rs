//! Rule files → the packs, shared lists and foreign lists the reference reads; straight through serde, no checks.

use faultline::catalogue::schema::{ForeignList, Pack, SharedList};
use std::path::Path;

#[derive(Default)]
pub struct Library {
    pub packs: Vec<Pack>,
    pub shared: Vec<SharedList>,
    pub foreign: Vec<ForeignList>,
}

impl Library {
    /// What the repository ships, under `rules/`.
    pub fn shipped() -> Library {
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let mut library = Library::default();
        for text in texts(&rules.join("packs")) {
            library.packs.push(serde_saphyr::from_str(&text).expect("a shipped pack parses"));
        }
        for text in texts(&rules.join("shared")) {
            library.shared.push(serde_saphyr::from_str(&text).expect("a shipped shared list parses"));
        }
        for text in texts(&rules.join("foreign")) {
            library.foreign.push(serde_saphyr::from_str(&text).expect("a shipped foreign list parses"));
        }
        library
    }
}

/// The YAML files of a folder, by name.
fn texts(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the repository has its rule folders");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    paths.iter().map(|path| std::fs::read_to_string(path).expect("a readable rule file")).collect()
}
