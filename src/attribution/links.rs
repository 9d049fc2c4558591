//! URLs with a query, form bodies, and what percent-encoding hides.

use memchr::{memchr, memmem};

use super::views::{Format, Kind, MASK, NodeId, Place, Span, Views, fold, mask};

impl Views {
    /// Query strings and form bodies of `work`, each an object; what was read is masked.
    pub(super) fn queries(&mut self, text: NodeId, work: &mut [u8], depth: usize) {
        let mut at = 0;
        while let Some(mark) = memchr(b'?', &work[at..]).map(|i| at + i) {
            at = mark + 1;
            let len = work[at..].iter().take_while(|b| !ends_query(**b)).count();
            // What closes a sentence or bracket around the URL is no part of it.
            let closing = |b: &&u8| matches!(b, b')' | b']' | b'}' | b',' | b';' | b':');
            let len = len - work[at..at + len].iter().rev().take_while(closing).count();
            if self.full() || memchr(b'=', &work[at..at + len]).is_none() {
                continue;
            }
            let head = work[..mark].iter().rev().take_while(|b| !ends_path(**b)).count();
            let (host, path) = host_and_path(&work[mark - head..mark]);
            let (host, path) = (self.keep(&host), self.keep(&path));
            self.query(text, &work[at..at + len], mark - head, Some((host, path)), depth);
            mask(work, mark, at + len);
            at += len;
        }
        self.forms(text, work, depth);
    }

    /// `a=1&b=2`
    fn forms(&mut self, text: NodeId, work: &mut [u8], depth: usize) {
        let mut at = 0;
        while let Some(and) = memchr(b'&', &work[at..]).map(|i| at + i) {
            let is_form = |b: u8| {
                !b.is_ascii_whitespace()
                    && !matches!(b, b'"' | b'\'' | b',' | b';' | MASK | b'<' | b'>' | b'{' | b'}')
            };
            let start = and - work[..and].iter().rev().take_while(|b| is_form(**b)).count();
            let end = and + work[and..].iter().take_while(|b| is_form(**b)).count();
            at = end.max(and + 1);
            let pairs = work[start..end].split(|b| *b == b'&');
            let good = pairs.clone().filter(|p| !p.is_empty()).all(is_form_pair);
            if !self.full() && good && pairs.count() > 1 {
                let body = work[start..end].to_vec();
                self.query(text, &body, start, None, depth);
                mask(work, start, end);
            }
        }
    }

    fn query(&mut self, text: NodeId, query: &[u8], at: usize, url: Option<(Span, Span)>, depth: usize) {
        let object = self.object(Some(text), Span::default(), at, Format::Query);
        if let Kind::Object(o) = &mut self.nodes[object].kind {
            o.url = url;
        }
        let query = query.split(|b| *b == b'#').next().unwrap_or_default();
        for pair in query.split(|b| *b == b'&') {
            let Some(equals) = memchr(b'=', pair) else { continue };
            let value =
                fold(&form_decode(&pair[equals + 1..]).unwrap_or_else(|| pair[equals + 1..].to_vec()));
            let key = form_decode(&pair[..equals]).unwrap_or_else(|| pair[..equals].to_vec());
            // A URL inside a query is somebody else's; but an error in it is an error.
            let inner = if memmem::find(&value, b"error=").is_some() {
                depth + 1
            } else {
                super::views::TEXT_DEPTH_MAX
            };
            self.string_field(object, &key, &value, Place { depth: inner, ..Place::default() });
        }
    }
}

fn ends_query(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | MASK)
}

fn ends_path(byte: u8) -> bool {
    ends_query(byte) || matches!(byte, b'?' | b'#' | b',' | b';' | b')' | b'(' | b'=')
}

fn is_form_pair(pair: &[u8]) -> bool {
    let name =
        pair.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-')).count();
    name > 0
        && pair[0].is_ascii_alphabetic()
        && pair.get(name) == Some(&b'=')
        && memchr(b'=', &pair[name + 1..]).is_none()
}

/// `https://host:port/path` → host and path; without a scheme the path alone.
fn host_and_path(url: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let Some(scheme) = memmem::find(url, b"://") else {
        let slash = memchr(b'/', url).unwrap_or(url.len());
        return (Vec::new(), url[slash..].to_vec());
    };
    let rest = &url[scheme + 3..];
    let slash = memchr(b'/', rest).unwrap_or(rest.len());
    let host = rest[..slash].split(|b| *b == b':').next().unwrap_or_default();
    (host.to_ascii_lowercase(), rest[slash..].to_vec())
}

/// `+` is a blank, `%xx` a byte; `None` when nothing is encoded.
pub(super) fn form_decode(text: &[u8]) -> Option<Vec<u8>> {
    percent_decode(text, true)
}

fn percent_decode(text: &[u8], plus: bool) -> Option<Vec<u8>> {
    memchr::memchr2(b'%', b'+', text)?;
    let hex = |b: Option<&u8>| b.and_then(|b| (*b as char).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    let mut changed = false;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'+' if plus => {
                out.push(b' ');
                changed = true;
            }
            b'%' => match (hex(text.get(at)), hex(text.get(at + 1))) {
                (Some(high), Some(low)) => {
                    out.push((high * 16 + low) as u8);
                    at += 2;
                    changed = true;
                }
                _ => out.push(byte),
            },
            _ => out.push(byte),
        }
    }
    changed.then_some(out)
}

/// A value that is an encoded URL or query as a whole, decoded (twice where it was encoded twice).
pub(super) fn encoded_url(value: &[u8]) -> Option<Vec<u8>> {
    memchr(b'%', value)?;
    let encoded = |v: &[u8]| -> bool {
        !v.iter().any(u8::is_ascii_whitespace)
            && [&b"%3A%2F%2F"[..], b"%3a%2f%2f", b"%3D", b"%3d", b"%253D", b"%253d", b"%3F", b"%3f"]
                .iter()
                .any(|m| memmem::find(v, m).is_some())
            && memmem::find(v, b"://").is_none()
            && memchr(b'=', v).is_none()
    };
    if !encoded(value) {
        return None;
    }
    let once = percent_decode(value, false)?;
    // The inner query keeps its own encoding; an outer layer more is taken off.
    let inner_encoded = encoded(&once);
    if inner_encoded { percent_decode(&once, false).or(Some(once)) } else { Some(once) }
}
