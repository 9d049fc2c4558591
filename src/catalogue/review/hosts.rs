//! Hosts that are too wide to prove anybody: a whole top-level domain, or a place where everybody has a name.

/// Names under which anybody may have one. Not the public suffix list, which changes weekly: those that a log is likely to
/// show.
const SHARED: [&str; 46] = [
    "com",
    "org",
    "net",
    "edu",
    "gov",
    "mil",
    "int",
    "info",
    "biz",
    "name",
    "pro",
    "app",
    "dev",
    "cloud",
    "online",
    "site",
    "tech",
    "digital",
    "services",
    "bank",
    "local",
    "localdomain",
    "localhost",
    "internal",
    "intranet",
    "corp",
    "home",
    "lan",
    "private",
    "example",
    "test",
    "invalid",
    "svc",
    "cluster.local",
    "svc.cluster.local",
    "amazonaws.com",
    "azurewebsites.net",
    "cloudfront.net",
    "cloudapp.azure.com",
    "herokuapp.com",
    "github.io",
    "netlify.app",
    "vercel.app",
    "web.app",
    "run.app",
    "pages.dev",
];
/// Second levels under a country that mean no organisation.
const SECOND: [&str; 11] = ["co", "com", "net", "org", "gov", "edu", "ac", "or", "ne", "go", "gob"];

/// Whether a host stands for everybody's. A bare name of one label may be a machine.
pub(super) fn is_wide(host: &str) -> bool {
    let is_wildcard = host.starts_with("*.");
    let host = host.strip_prefix("*.").unwrap_or(host).trim_end_matches('.').to_ascii_lowercase();
    let labels: Vec<&str> = host.split('.').collect();
    let is_country = |label: &str| label.len() == 2 && label.bytes().all(|b| b.is_ascii_alphabetic());
    match labels[..] {
        [one] => is_wildcard || is_country(one) || SHARED.contains(&one),
        [second, country] if is_country(country) && SECOND.contains(&second) => true,
        _ => SHARED.contains(&&*host),
    }
}

#[cfg(test)]
mod tests {
    use super::is_wide;

    #[test]
    fn what_is_everybodys_is_wide_and_what_is_somebodys_is_not() {
        for host in
            ["*.com", "com", "no", "*.co.uk", "gov.sg", "*.intern", "amazonaws.com", "svc.cluster.local"]
        {
            assert!(is_wide(host), "{host}");
        }
        for host in [
            "okta.com",
            "*.bankid.no",
            "myinfo.gov.sg",
            "okta-proxy",
            "login.acme.example",
            "x.amazonaws.com",
        ] {
            assert!(!is_wide(host), "{host}");
        }
    }
}
