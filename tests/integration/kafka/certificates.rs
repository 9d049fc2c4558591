//! Certificates of a cluster, made by `openssl`: an authority, brokers and clients that it signed, and what nobody trusts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// PEM files in a directory: `ca`, `other-ca`; `NAME.crt` and `NAME.key` of each name in `SIGNED`.
pub struct Certificates {
    directory: PathBuf,
}

/// Name, authority, common name, alternative names, days.
const SIGNED: [(&str, &str, &str, &str, i32); 6] = [
    ("broker", "ca", "localhost", "IP:127.0.0.1,DNS:localhost", 30),
    ("elsewhere", "ca", "kafka.elsewhere.test", "DNS:kafka.elsewhere.test", 30),
    ("outdated", "ca", "localhost", "IP:127.0.0.1,DNS:localhost", -1),
    ("client", "ca", "client", "DNS:client", 30),
    ("expired", "ca", "expired", "DNS:expired", -1),
    ("stranger", "other-ca", "stranger", "DNS:stranger", 30),
];

impl Certificates {
    pub fn make(directory: &Path) -> Certificates {
        fs::create_dir_all(directory).unwrap();
        let made = Certificates { directory: directory.to_owned() };
        for name in ["ca", "other-ca"] {
            let mut words = vec!["req", "-x509", "-days", "30"];
            let (key, certificate) = (made.text(name, "key"), made.text(name, "pem"));
            let subject = format!("/CN={name}");
            words.extend(KEY);
            words.extend(["-subj", &subject, "-keyout", &key, "-out", &certificate]);
            run(&words);
        }
        SIGNED.iter().for_each(|(name, ca, common, names, days)| made.sign(name, ca, common, names, *days));
        made
    }

    fn sign(&self, name: &str, ca: &str, common: &str, names: &str, days: i32) {
        let (key, request, signed) = (self.text(name, "key"), self.text(name, "csr"), self.text(name, "crt"));
        let (ca_key, ca) = (self.text(ca, "key"), self.text(ca, "pem"));
        let (subject, extensions) = (format!("/CN={common}"), self.text(name, "ext"));
        fs::write(&extensions, format!("subjectAltName={names}\n")).unwrap();
        let mut words = vec!["req"];
        words.extend(KEY);
        words.extend(["-subj", &subject, "-keyout", &key, "-out", &request]);
        run(&words);
        let mut words =
            vec!["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
        words.extend(["-extfile", &extensions, "-out", &signed]);
        let lasts = days.to_string();
        let past = ["-not_before", "20200101000000Z", "-not_after", "20200102000000Z"];
        if days < 0 && openssl(&[&words[..], &past].concat()).status.success() {
            return; // openssl 3.4 and newer; older ones take a negative number of days
        }
        words.extend(["-days", &lasts]);
        run(&words);
    }

    /// What a broker reads: its key, its certificate and the authority in one file.
    pub fn key_store(&self, name: &str) -> String {
        let parts = [self.text(name, "key"), self.text(name, "crt"), self.text("ca", "pem")];
        let all: String = parts.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        fs::write(self.path(name, "pem"), all).unwrap();
        self.text(name, "pem")
    }

    /// `key`, `crt`, or `pem` for an authority.
    pub fn path(&self, name: &str, kind: &str) -> PathBuf {
        self.directory.join(format!("{name}.{kind}"))
    }

    pub fn text(&self, name: &str, kind: &str) -> String {
        self.path(name, kind).to_str().expect("made of text").to_owned()
    }
}

/// Keys of elliptic curves take no time to make; PKCS#8, as Kafka wants them.
const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

fn openssl(words: &[&str]) -> Output {
    Command::new("openssl").args(words).output().expect("openssl starts")
}

/// What it wrote to standard output.
pub fn run(words: &[&str]) -> String {
    let output = openssl(words);
    assert!(output.status.success(), "openssl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
