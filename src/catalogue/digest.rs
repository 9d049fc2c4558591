//! Rule files → one number that says which rules are in effect: equal on two machines exactly when the files are.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::load::RuleFile;

/// SHA-256 in hexadecimal over all files in their order: of each the length of its name, its name without the folder,
/// the length of its text and its text. Lengths are 8 bytes, least significant first. The folder is left out, because
/// the same rules may lie elsewhere.
pub fn sha256<'f>(files: impl IntoIterator<Item = &'f RuleFile>) -> String {
    let mut hasher = Sha256::new();
    for file in files {
        let name = file.name.rsplit('/').next().unwrap_or_default();
        for part in [name, &file.text] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
    }
    hasher.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(files: &[(&str, &str)]) -> String {
        let files: Vec<RuleFile> = files
            .iter()
            .map(|(name, text)| RuleFile { name: (*name).to_owned(), text: (*text).to_owned().into() })
            .collect();
        sha256(&files)
    }

    #[test]
    fn nothing_has_the_digest_that_everybody_knows() {
        assert_eq!(digest(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }

    #[test]
    fn names_texts_and_order_count_and_the_folder_does_not() {
        let all = [
            digest(&[("a", "x"), ("b", "y")]),
            digest(&[("b", "y"), ("a", "x")]),
            digest(&[("a", "y"), ("b", "x")]),
            digest(&[("a", "xb"), ("", "y")]),
            digest(&[("a", "x")]),
            digest(&[("ax", "")]),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(!all[place + 1..].contains(one), "{place} is not the only one");
        }
        assert_eq!(digest(&[("/etc/faultline/a.yaml", "x")]), digest(&[("rules/a.yaml", "x")]));
    }
}
