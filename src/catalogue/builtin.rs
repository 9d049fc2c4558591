//! The rule files of the binary: every YAML file below `rules/` but the alerts, as text.
//!
//! A new file is one more line here; a test holds that none is forgotten, lints all of them and counts their rules.

use super::load::RuleFile;
use std::borrow::Cow;
use std::sync::LazyLock;

macro_rules! embed {
    ($($name:literal,)*) => {
        [$(($name, include_str!(concat!("../../rules/", $name)))),*]
    };
}

/// Name below `rules/` and text.
const TEXTS: &[(&str, &str)] = &embed![
    "packs/ast-ca.yaml",
    "packs/bankid.yaml",
    "packs/myinfo.yaml",
    "packs/okta-core.yaml",
    "packs/okta-oauth2.yaml",
    "packs/verimatrix.yaml",
    "shared/iana-oauth.yaml",
    "foreign/apple.yaml",
    "foreign/auth0.yaml",
    "foreign/cognito.yaml",
    "foreign/csc-signers.yaml",
    "foreign/entra.yaml",
    "foreign/facebook.yaml",
    "foreign/github.yaml",
    "foreign/google.yaml",
    "foreign/kakao.yaml",
    "foreign/keycloak.yaml",
    "foreign/onelogin.yaml",
    "foreign/ping.yaml",
    "foreign/salesforce.yaml",
];

/// All of them, packs first. Named `builtin:packs/okta-core.yaml` and so on.
pub fn files() -> &'static [RuleFile] {
    static FILES: LazyLock<Vec<RuleFile>> = LazyLock::new(|| {
        let file = |(name, text): &(&str, &'static str)| RuleFile {
            name: format!("builtin:{name}"),
            text: Cow::Borrowed(*text),
        };
        TEXTS.iter().map(file).collect()
    });
    &FILES
}

/// The overlaps of their texts that somebody accepted; for a review only.
pub fn accepted_overlaps() -> RuleFile {
    RuleFile {
        name: "builtin:accepted-overlaps.yaml".to_owned(),
        text: Cow::Borrowed(include_str!("../../rules/accepted-overlaps.yaml")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::load::{load, pack_identity};
    use std::collections::BTreeMap;
    use std::path::Path;

    #[test]
    fn every_rule_file_of_the_repository_is_built_in() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
        let mut there = Vec::new();
        for kind in ["packs", "shared", "foreign"] {
            for entry in std::fs::read_dir(root.join(kind)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                if name.ends_with(".yaml") || name.ends_with(".yml") {
                    there.push(format!("{kind}/{name}"));
                }
            }
        }
        let mut listed: Vec<String> = TEXTS.iter().map(|(name, _)| name.to_string()).collect();
        there.sort();
        listed.sort();
        assert_eq!(listed, there);
    }

    #[test]
    fn the_shipped_rules_are_without_a_finding_and_complete() {
        let rules = load(&[], files()).unwrap_or_else(|findings| panic!("{findings}"));
        let counts: BTreeMap<String, (usize, usize)> = rules
            .packs
            .iter()
            .map(|pack| {
                let retired = pack.rules.iter().filter(|rule| rule.retired).count();
                (pack_identity(pack), (pack.rules.len(), retired))
            })
            .collect();
        let expected = [
            ("ast-ca", (55, 0)),
            ("bankid", (41, 0)),
            ("myinfo", (32, 0)),
            ("okta/core", (251, 0)),
            ("okta/oauth2", (505, 29)),
            ("verimatrix", (61, 0)),
        ];
        assert_eq!(counts, expected.map(|(name, count)| (name.to_string(), count)).into());
        assert_eq!(rules.shared.iter().map(|list| list.codes.len()).collect::<Vec<_>>(), [49]);
    }

    #[test]
    fn shipped_files_read_the_same_with_and_without_lint() {
        let shipped = load(files(), &[]).unwrap();
        let checked = load(&[], files()).unwrap();
        assert_eq!(format!("{shipped:?}"), format!("{checked:?}"));
    }
}
