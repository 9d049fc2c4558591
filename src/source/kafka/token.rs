//! Tokens for OAUTHBEARER: read from a file, or printed by a command, each time librdkafka asks for one.
//!
//! A token that is a JWT says itself whose it is (`sub`) and until when it is good (`exp`); of any other the life is
//! taken to be five minutes. Nothing of a token is ever logged.

use std::fs;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rdkafka::client::OAuthToken;

use super::setting::TokenFrom;

/// How long a command may take.
const COMMAND_WITHIN: Duration = Duration::from_secs(10);
const TOKEN_BYTES_MAX: u64 = 64 << 10;
/// The life of a token that does not say.
const LIFE: Duration = Duration::from_secs(300);

/// The token to use from now on. An error says what went wrong and nothing of a token.
pub(super) fn next(from: &TokenFrom) -> Result<OAuthToken, String> {
    let text = match from {
        TokenFrom::File(path) => fs::read_to_string(path)
            .map_err(|error| format!("the token file {} cannot be read: {error}", path.display()))?,
        TokenFrom::Command(words) => printed(words)?,
    };
    let token = text.trim();
    if token.is_empty() || token.contains(char::is_control) {
        return Err("the token is empty or holds control characters".to_owned());
    }
    let claims = claims(token);
    let life = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + LIFE;
    let fallback = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
    Ok(OAuthToken {
        token: token.to_owned(),
        principal_name: claims.subject.unwrap_or_default(),
        lifetime_ms: claims.expires.map_or(fallback, |seconds| seconds.saturating_mul(1_000)),
    })
}

fn printed(words: &[String]) -> Result<String, String> {
    let (program, arguments) = words.split_first().ok_or("the token command is empty")?;
    let failed = |what: String| format!("the token command {program} {what}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(format!("cannot be started: {error}")))?;
    let output = child.stdout.take().expect("it is piped");
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        output.take(TOKEN_BYTES_MAX).read_to_string(&mut text).map(|_| text)
    });
    let begun = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| failed(error.to_string()))? {
            Some(status) => break status,
            None if begun.elapsed() >= COMMAND_WITHIN => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(failed(format!("took longer than {COMMAND_WITHIN:?}")));
            }
            None => std::thread::sleep(Duration::from_millis(10)),
        }
    };
    if !status.success() {
        return Err(failed(format!("failed ({status})")));
    }
    let text = reader.join().map_err(|_| failed("could not be read".to_owned()))?;
    text.map_err(|error| failed(format!("printed what is no text: {error}")))
}

#[derive(Debug, Default, serde::Deserialize)]
struct Claims {
    #[serde(rename = "sub")]
    subject: Option<String>,
    /// Seconds since 1970.
    #[serde(rename = "exp")]
    expires: Option<i64>,
}

/// Of a JWT (RFC 7519): the second part is JSON in base64url. Nothing is verified: that is up to the broker.
fn claims(token: &str) -> Claims {
    let body = token.split('.').nth(1).and_then(base64url);
    body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default()
}

fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).expect("eight bits"));
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"alg":"none"}` and `{"sub":"faultline","exp":1900000000}`, unsecured.
    const JWT: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJmYXVsdGxpbmUiLCJleHAiOjE5MDAwMDAwMDB9.";

    #[test]
    fn a_token_says_whose_it_is_and_until_when() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, format!("{JWT}\n")).unwrap();
        let token = next(&TokenFrom::File(path)).unwrap();
        assert_eq!((token.token.as_str(), token.principal_name.as_str()), (JWT, "faultline"));
        assert_eq!(token.lifetime_ms, 1_900_000_000_000);
    }

    #[test]
    fn a_command_prints_one_and_an_opaque_one_lives_for_minutes() {
        let words =
            |words: &[&str]| TokenFrom::Command(words.iter().map(|word| (*word).to_owned()).collect());
        let token = next(&words(&["echo", "opaque"])).unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64;
        assert_eq!((token.token.as_str(), token.principal_name.as_str()), ("opaque", ""));
        assert!((now + 200_000..now + 400_000).contains(&token.lifetime_ms));
        for (bad, reason) in [
            (words(&["false"]), "failed"),
            (words(&["/does/not/exist"]), "cannot be started"),
            (words(&["true"]), "empty"),
            (words(&[]), "empty"),
            (TokenFrom::File("/does/not/exist".into()), "cannot be read"),
        ] {
            let said = next(&bad).map(|token| token.token).unwrap_err();
            assert!(said.contains(reason), "{said}");
        }
    }
}
