//! `security` of a Kafka source → [`Security`]: what belongs together is there as a whole, what excludes itself is not.

use std::path::PathBuf;

use super::Check;
use super::kafka::{Place, Secrecy, at};
use crate::catalogue::diagnostic::Step;
use crate::config::raw::kafka::{
    RawMechanism, RawOidc, RawProtocol, RawSasl, RawSecurity, RawTls, RawToken, RawValue,
};
use crate::source::kafka::setting::PEM_BEGIN;
use crate::source::kafka::{Oidc, PasswordMechanism, Pem, Protocol, Sasl, Security, Tls, TokenFrom, Value};

impl Check<'_, '_> {
    pub(super) fn security(&mut self, raw: RawSecurity, place: &Place<'_>) -> Security {
        let RawSecurity { protocol, sasl, tls } = raw;
        let protocol = match protocol {
            // Who logs in without saying how does not mean to send a password in the clear.
            None if sasl.is_some() => Protocol::SaslSsl,
            None if tls.is_some() => Protocol::Ssl,
            None | Some(RawProtocol::Plaintext) => Protocol::Plaintext,
            Some(RawProtocol::Ssl) => Protocol::Ssl,
            Some(RawProtocol::SaslPlaintext) => Protocol::SaslPlaintext,
            Some(RawProtocol::SaslSsl) => Protocol::SaslSsl,
        };
        if protocol.has_sasl() && sasl.is_none() {
            let message = format!("`{}` needs `sasl`", protocol.name());
            let hint = "write `sasl: {mechanism: SCRAM-SHA-512, username: …, password: …}` beside it";
            self.find(&at(place, &["security", "protocol"]), message, Some(hint.into()));
        }
        if sasl.is_some() && !protocol.has_sasl() {
            let message = format!("`sasl` has no effect with `protocol: {}`", protocol.name());
            let hint = "write `protocol: sasl_ssl`, or `sasl_plaintext` where nobody can listen";
            self.find(&at(place, &["security", "sasl"]), message, Some(hint.into()));
        }
        if tls.is_some() && !protocol.has_tls() {
            let message = format!("`tls` has no effect with `protocol: {}`", protocol.name());
            let hint =
                if protocol.has_sasl() { "write `protocol: sasl_ssl`" } else { "write `protocol: ssl`" };
            self.find(&at(place, &["security", "tls"]), message, Some(hint.into()));
        }
        let sasl = sasl.and_then(|sasl| self.sasl(sasl, place));
        let tls = tls.map(|tls| self.tls(tls, place)).unwrap_or_default();
        Security { protocol, sasl, tls }
    }

    fn sasl(&mut self, raw: RawSasl, place: &Place<'_>) -> Option<Sasl> {
        let path = at(place, &["security", "sasl"]);
        let RawSasl { mechanism, username, password, token, oidc } = raw;
        if self.locator.is_tainted(&path) {
            return None;
        }
        let Some(mechanism) = mechanism else {
            let hint = "one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER";
            self.find(&path, "`sasl` needs a `mechanism`", Some(hint.into()));
            return None;
        };
        let mechanism = match mechanism {
            RawMechanism::Plain => PasswordMechanism::Plain,
            RawMechanism::ScramSha256 => PasswordMechanism::ScramSha256,
            RawMechanism::ScramSha512 => PasswordMechanism::ScramSha512,
            RawMechanism::Oauthbearer => {
                for (key, is_said) in [("username", username.is_some()), ("password", password.is_some())] {
                    self.refuse(is_said, key, "OAUTHBEARER", "it goes with `token` or with `oidc`", &path);
                }
                return self.bearer(token, oidc, place);
            }
        };
        for (key, is_said) in [("token", token.is_some()), ("oidc", oidc.is_some())] {
            let hint = "it goes with OAUTHBEARER; this mechanism has `username` and `password`";
            self.refuse(is_said, key, mechanism.name(), hint, &path);
        }
        for (key, is_said) in [("username", username.is_some()), ("password", password.is_some())] {
            if !is_said {
                let message = format!("{} needs a `{key}`", mechanism.name());
                self.find(
                    &path,
                    message,
                    Some(format!("write `{key}: ${{NAME}}` or `{key}: {{file: path}}`")),
                );
            }
        }
        let username = self.value(username?, &below(&path, "username"), Secrecy::Secret);
        let password = self.value(password?, &below(&path, "password"), Secrecy::Secret);
        Some(Sasl::Password { mechanism, username: username?, password: password? })
    }

    fn refuse(&mut self, is_said: bool, key: &str, mechanism: &str, hint: &str, path: &[Step<'_>]) {
        if is_said {
            self.find(&below(path, key), format_args!("{mechanism} has no `{key}`"), Some(hint.into()));
        }
    }

    fn bearer(&mut self, token: Option<RawToken>, oidc: Option<RawOidc>, place: &Place<'_>) -> Option<Sasl> {
        let path = at(place, &["security", "sasl"]);
        let hint = "write `token: {file: path}`, `token: {command: [program]}` or `oidc: {…}`";
        match (token, oidc) {
            (Some(token), None) => self.token(token, &below(&path, "token")).map(Sasl::Token),
            (None, Some(oidc)) => self.oidc(oidc, &below(&path, "oidc")).map(Sasl::Oidc),
            (Some(_), Some(_)) => {
                let message = "OAUTHBEARER takes one of `token` and `oidc`";
                self.find(&below(&path, "oidc"), message, Some(hint.into()));
                None
            }
            (None, None) => {
                self.find(&path, "OAUTHBEARER needs `token` or `oidc`", Some(hint.into()));
                None
            }
        }
    }

    fn token(&mut self, raw: RawToken, path: &[Step<'_>]) -> Option<TokenFrom> {
        if self.locator.is_tainted(path) {
            return None;
        }
        let is_bad = |text: &String| text.is_empty() || text.contains(char::is_control);
        match (raw.file, raw.command) {
            (Some(file), None) if is_bad(&file) => {
                self.find(&below(path, "file"), "behind `file` stands no path", None);
                None
            }
            (Some(file), None) => Some(TokenFrom::File(self.dir.join(file))),
            (None, Some(command)) if command.first().is_none_or(is_bad) => {
                let hint = "write the program and its arguments: `[get-token, --quiet]`";
                self.find(&below(path, "command"), "the command names no program", Some(hint.into()));
                None
            }
            (None, Some(command)) => Some(TokenFrom::Command(command)),
            _ => {
                let hint = "write `token: {file: path}` or `token: {command: [program]}`";
                self.find(path, "a token comes from exactly one of `file` and `command`", Some(hint.into()));
                None
            }
        }
    }

    fn oidc(&mut self, raw: RawOidc, path: &[Step<'_>]) -> Option<Oidc> {
        let RawOidc { client_id, client_secret, token_url, scope } = raw;
        let mut required = |key: &str, value: Option<RawValue>| match value {
            Some(value) => self.value(value, &below(path, key), Secrecy::Secret),
            None => {
                self.find(path, format_args!("`oidc` needs a `{key}`"), None);
                None
            }
        };
        let client_id = required("client_id", client_id);
        let client_secret = required("client_secret", client_secret);
        let token_url = required("token_url", token_url);
        if let Some(Some(url)) = token_url.as_ref().map(Value::as_literal) {
            let is_url = url.starts_with("https://") || url.starts_with("http://");
            if !is_url || url.contains('@') {
                let hint = "write `https://host/path`, without a user or password in it";
                self.find(
                    &below(path, "token_url"),
                    "this is no address of a token server",
                    Some(hint.into()),
                );
            }
        }
        let scope = scope.and_then(|scope| self.value(scope, &below(path, "scope"), Secrecy::Open));
        Some(Oidc { client_id: client_id?, client_secret: client_secret?, token_url: token_url?, scope })
    }

    fn tls(&mut self, raw: RawTls, place: &Place<'_>) -> Tls {
        let path = at(place, &["security", "tls"]);
        let RawTls { ca, cert, key, key_password, verify, verify_hostname } = raw;
        for (one, has_one, other, has_other) in [
            ("cert", cert.is_some(), "key", key.is_some()),
            ("key", key.is_some(), "cert", cert.is_some()),
            ("key_password", key_password.is_some(), "key", key.is_some()),
        ] {
            if has_one && !has_other {
                let message = format!("`{one}` is of no use without `{other}`");
                self.find(&below(&path, one), message, Some(format!("add `{other}`, or leave it out")));
            }
        }
        let default = Tls::default();
        Tls {
            ca: ca.and_then(|pem| self.pem(pem, &below(&path, "ca"))),
            cert: cert.and_then(|pem| self.pem(pem, &below(&path, "cert"))),
            key: key.and_then(|pem| self.pem(pem, &below(&path, "key"))),
            key_password: key_password
                .and_then(|password| self.value(password, &below(&path, "key_password"), Secrecy::Secret)),
            verify: verify.unwrap_or(default.verify),
            verify_hostname: verify_hostname.unwrap_or(default.verify_hostname),
        }
    }

    /// A path, or a text that says itself that it is none.
    fn pem(&mut self, raw: RawValue, path: &[Step<'_>]) -> Option<Pem> {
        let value = self.value(raw, path, Secrecy::Pem)?;
        let Some(text) = value.as_literal() else { return Some(Pem::Text(value)) };
        if text.contains(PEM_BEGIN) {
            return Some(Pem::Text(value));
        }
        // A path is shown and printed, so it has to look like one.
        let is_path = text.contains(['/', '.']) && !text.contains("-----") && !text.contains("BEGIN");
        if !is_path || text.contains(char::is_control) {
            let hint = "a path has a `/` or a `.` in its one line; a text in PEM begins with `-----BEGIN `";
            self.find(path, "this is no path and no text in PEM", Some(hint.into()));
            return None;
        }
        Some(Pem::Path(self.dir.join(PathBuf::from(text))))
    }
}

fn below<'p>(path: &[Step<'p>], key: &'p str) -> Vec<Step<'p>> {
    path.iter().copied().chain([Step::Key(key)]).collect()
}
