//! One record → every reading of it, as a tree: texts hold objects, objects hold fields, fields hold texts.
//!
//! A text is read once as it stands (objects and quoted fields, whichever begins first), then what is left is read for
//! query strings, bare pairs and XML elements. What was read on its own is masked in the text, byte by byte, so every
//! offset stays true. Strings are read again up to `DECODINGS_MAX` deep.

use super::literals::Catalogue;
use super::objects::Value;
use super::pairs::{self, Claim, FIELD, Found, OBJECT};
use super::wrappers::Unwrapped;
use std::collections::HashMap;

const DECODINGS_MAX: usize = 4;

pub struct Views {
    pub all: Vec<View>,
}

pub struct View {
    pub parent: Option<usize>,
    /// The name under which this view stands in its parent; empty at the root and for objects in running text.
    pub key: String,
    /// Where it begins in the nearest text above it.
    pub at: usize,
    /// Below a query string: no evidence but that of the query's own address.
    pub below_query: bool,
    /// Below a key whose values are names of things (`branch`, `user_agent`): no errors, no names.
    pub dead: bool,
    pub body: Body,
}

pub enum Body {
    Text(Text),
    Object(Object),
}

#[derive(Default)]
pub struct Text {
    /// Objects, quoted fields and dead stretches masked: messages are looked for here, before `k=v` is read.
    pub readable: String,
    /// Also queries, pairs and elements masked: everything else is looked for here.
    pub prose: String,
    /// Spans that `prose` masks and `readable` does not: their own views judge what lies inside.
    pub inner: Vec<(usize, usize)>,
    /// Whole messages in `readable`: start, end, index in the catalogue.
    pub messages: Vec<(usize, usize, usize)>,
    /// Whole tokens in `prose`: start, end, index in the catalogue.
    pub tokens: Vec<(usize, usize, usize)>,
    /// The end of the text is missing.
    pub cut: bool,
    /// Line number → the object of that line's pairs.
    pub line_objects: HashMap<usize, usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// JSON and its likes.
    Object,
    /// The pairs of one line.
    Pairs,
    Query,
    /// The XML elements of one line.
    Elements,
}

pub struct Object {
    pub style: Style,
    pub fields: Vec<Field>,
    /// What stands before the `?` of a query.
    pub address: String,
}

pub struct Field {
    pub name: String,
    /// The name without case and separators, and its last dotted part likewise.
    pub normal: String,
    pub last: String,
    /// Empty for objects and arrays.
    pub value: String,
    /// Fields with the same number are scalars of one array.
    pub array: Option<usize>,
    /// The view of the value.
    pub view: Option<usize>,
}

impl Views {
    pub fn read(record: &Unwrapped, catalogue: &Catalogue) -> Views {
        let mut reader = Reader { views: Views { all: Vec::new() }, catalogue, arrays: 0 };
        reader.text(&record.text, None, "", 0, 0, record.cut);
        reader.views
    }

    pub fn text(&self, view: usize) -> Option<&Text> {
        match &self.all[view].body {
            Body::Text(text) => Some(text),
            Body::Object(_) => None,
        }
    }

    pub fn object(&self, view: usize) -> Option<&Object> {
        match &self.all[view].body {
            Body::Object(object) => Some(object),
            Body::Text(_) => None,
        }
    }

    /// The view itself and everything above it.
    pub fn up(&self, view: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(view), |view| self.all[*view].parent)
    }

    /// The nearest text above a view, and where the view stands in it.
    pub fn text_above(&self, view: usize) -> Option<(usize, usize)> {
        let above = self.up(view).skip(1).find(|above| self.text(*above).is_some())?;
        Some((above, self.all[view].at))
    }

    /// The object a text is a value of: through texts that are only decoded again, not through objects in the text.
    pub fn owner(&self, view: usize) -> Option<usize> {
        self.up(view).find(|above| self.text(*above).is_none())
    }

    /// Keys from the nearest outwards, dotted ones split, texts that were decoded again counted once.
    pub fn path(&self, object: usize) -> Vec<String> {
        let mut path: Vec<String> = Vec::new();
        let mut last = "";
        for above in self.up(object) {
            let key = self.all[above].key.as_str();
            if !key.is_empty() && key != last {
                path.extend(key.rsplit('.').map(normal));
            }
            last = key;
        }
        path
    }
}

impl Object {
    /// The last value of a field whose normalised name is one of `names`, if it says anything.
    pub fn value(&self, is_wanted: impl Fn(&str) -> bool) -> Option<&str> {
        self.fields
            .iter()
            .rev()
            .find(|field| is_wanted(&field.normal) && says_something(&field.value))
            .map(|field| field.value.as_str())
    }
}

/// Field names compare without case and separators.
pub fn normal(name: &str) -> String {
    name.chars().filter(|c| !"_-. @".contains(*c)).flat_map(char::to_lowercase).collect()
}

/// `null`, `none`, empty and `0` are no values.
pub fn says_something(value: &str) -> bool {
    let value = value.trim();
    !(value.is_empty()
        || value == "0"
        || ["null", "none", "nil", "undefined", "false"]
            .iter()
            .any(|nothing| value.eq_ignore_ascii_case(nothing)))
}

const DEAD_KEYS: [&str; 15] = [
    "bucket",
    "branch",
    "topic",
    "file",
    "filename",
    "filepath",
    "metric",
    "metricname",
    "test",
    "testname",
    "testcase",
    "useragent",
    "ua",
    "httpuseragent",
    "sql",
];

struct Reader<'a> {
    views: Views,
    catalogue: &'a Catalogue,
    arrays: usize,
}

impl Reader<'_> {
    fn add(&mut self, parent: Option<usize>, key: &str, at: usize, body: Body) -> usize {
        let above = parent.map(|parent| &self.views.all[parent]);
        let below_query = above.is_some_and(|above| {
            above.below_query || matches!(&above.body, Body::Object(object) if object.style == Style::Query)
        });
        let dead = above.is_some_and(|above| above.dead)
            || DEAD_KEYS.contains(&normal(key.rsplit('.').next().unwrap_or(key)).as_str());
        self.views.all.push(View { parent, key: key.to_string(), at, below_query, dead, body });
        self.views.all.len() - 1
    }

    fn add_object(&mut self, parent: usize, key: &str, at: usize, style: Style, address: &str) -> usize {
        self.add(
            Some(parent),
            key,
            at,
            Body::Object(Object { style, fields: Vec::new(), address: address.to_string() }),
        )
    }

    fn add_field(
        &mut self,
        object: usize,
        name: &str,
        value: &str,
        array: Option<usize>,
        view: Option<usize>,
    ) {
        if let Body::Object(object) = &mut self.views.all[object].body {
            let last = normal(name.rsplit('.').next().unwrap_or(name));
            object.fields.push(Field {
                name: name.to_string(),
                normal: normal(name),
                last,
                value: value.to_string(),
                array,
                view,
            });
        }
    }

    fn text(
        &mut self,
        source: &str,
        parent: Option<usize>,
        key: &str,
        at: usize,
        decodings: usize,
        cut: bool,
    ) -> usize {
        let view = self.add(parent, key, at, Body::Text(Text::default()));
        let source = source.replace([OBJECT, FIELD], "\x03");
        let mut text = Text { readable: source.clone(), cut, ..Text::default() };
        if decodings > DECODINGS_MAX {
            text.readable = fold(&text.readable, &mut []);
            self.finish(view, text);
            return view;
        }
        let mut claims = pairs::claims(&source);
        claims = without_dead(&mut text.readable, claims);
        text.readable = fold(&text.readable, &mut claims);
        text.messages = self.catalogue.messages_in(&text.readable);
        text.prose = text.readable.clone();
        let spans: Vec<(usize, usize)> = text.messages.iter().map(|(start, end, _)| (*start, *end)).collect();
        type Read<'a> = &'a dyn Fn(&str) -> Vec<Claim>;
        let later: [Read; 3] = [&pairs::queries, &|prose| pairs::bare_pairs(prose, &spans), &pairs::elements];
        for read in later {
            for claim in read(&text.prose) {
                // a message is matched before its text is read as a pair
                let inside = |span: &(usize, usize)| {
                    span.0 <= claim.start && claim.start < span.1 && claim.end <= span.1
                };
                if !spans.iter().any(inside) {
                    mask(&mut text.prose, claim.start, claim.end, FIELD);
                    text.inner.push((claim.start, claim.end));
                    claims.push(claim);
                }
            }
        }
        let decoded =
            (!key.is_empty() && pairs::encoded_value(&text.prose)).then(|| pairs::form_decoded(&text.prose));
        if decoded.is_some() {
            let end = text.prose.len();
            text.inner.push((0, end));
            mask(&mut text.prose, 0, end, FIELD);
        }
        self.finish(view, text);
        for claim in claims {
            self.place(view, claim, decodings);
        }
        if let Some(decoded) = decoded {
            self.text(&decoded, Some(view), key, 0, decodings + 1, cut);
        }
        view
    }

    fn finish(&mut self, view: usize, mut text: Text) {
        if text.prose.is_empty() {
            text.messages = self.catalogue.messages_in(&text.readable);
            text.prose = text.readable.clone();
        }
        text.tokens = self.catalogue.tokens_in(&text.prose);
        self.views.all[view].body = Body::Text(text);
    }

    fn place(&mut self, text: usize, claim: Claim, decodings: usize) {
        let at = claim.start;
        match claim.found {
            Found::Object { key, members, unescaped } => {
                let object = self.add_object(text, &key, at, Style::Object, "");
                self.members(object, members, at, decodings + unescaped);
            }
            Found::Field { key, value } => {
                let object = self.line_object(text, at, Style::Pairs);
                self.value(object, &key, value, at, decodings, None);
            }
            Found::Element { name, value } => {
                let object = self.line_object(text, at, Style::Elements);
                self.value(object, &name, Value::Bare(value), at, decodings, None);
            }
            Found::Query { address, pairs } => {
                let object = self.add_object(text, "", at, Style::Query, address.as_deref().unwrap_or(""));
                for (key, value) in pairs {
                    self.value(object, &key, Value::Bare(value), at, decodings, None);
                }
            }
        }
    }

    /// The object that gathers the pairs (or elements) of the line at `at`.
    fn line_object(&mut self, text: usize, at: usize, style: Style) -> usize {
        let line = self.views.text(text).map_or(0, |text| line_number(&text.prose, at)) * 2
            + usize::from(style == Style::Elements);
        if let Some(object) = self.views.text(text).and_then(|text| text.line_objects.get(&line)) {
            return *object;
        }
        let object = self.add_object(text, "", at, style, "");
        if let Body::Text(text) = &mut self.views.all[text].body {
            text.line_objects.insert(line, object);
        }
        object
    }

    fn members(&mut self, object: usize, members: Vec<(String, Value)>, at: usize, decodings: usize) {
        for (name, value) in members {
            self.value(object, &name, value, at, decodings, None);
        }
    }

    fn value(
        &mut self,
        object: usize,
        name: &str,
        value: Value,
        at: usize,
        decodings: usize,
        array: Option<usize>,
    ) {
        match value {
            Value::Text { text, cut } => {
                let view = self.text(&text, Some(object), name, at, decodings + 1, cut);
                self.add_field(object, name, &text, array, Some(view));
            }
            Value::Bare(text) => {
                let view = self.text(&text, Some(object), name, at, decodings + 1, false);
                self.add_field(object, name, &text, array, Some(view));
            }
            Value::Object(members) => {
                let view = self.add_object(object, name, at, Style::Object, "");
                self.add_field(object, name, "", None, Some(view));
                self.members(view, members, at, decodings);
            }
            Value::Array(values) => {
                self.arrays += 1;
                let array = Some(array.unwrap_or(self.arrays));
                for value in values {
                    self.value(object, name, value, at, decodings, array);
                }
            }
        }
    }
}

/// Masks what was claimed and what is dead; claims in a dead stretch are none.
fn without_dead(readable: &mut String, claims: Vec<Claim>) -> Vec<Claim> {
    let mut sketch = readable.clone();
    for claim in &claims {
        match &claim.found {
            Found::Object { .. } => mask(&mut sketch, claim.start, claim.end, OBJECT),
            _ => {
                let span = &readable[claim.start..claim.end];
                let open = span.find(['"', '\'']).map_or(claim.end, |open| claim.start + open + 1);
                let loose = span.starts_with(['"', '\\']);
                let close = if span.ends_with(['"', '\'']) { claim.end - 1 } else { claim.end };
                let (from, to) = if loose { (claim.start, claim.end) } else { (open.min(close), close) };
                mask(&mut sketch, from, to, FIELD);
            }
        }
    }
    let dead = pairs::dead_stretches(&sketch);
    let kept: Vec<Claim> = claims
        .into_iter()
        .filter(|claim| !dead.iter().any(|(start, end)| *start <= claim.start && claim.end <= *end))
        .collect();
    for claim in &kept {
        mask(
            readable,
            claim.start,
            claim.end,
            if matches!(claim.found, Found::Object { .. }) { OBJECT } else { FIELD },
        );
    }
    for (start, end) in dead {
        mask(readable, start, end, OBJECT);
    }
    kept
}

fn mask(text: &mut String, start: usize, end: usize, with: char) {
    let masked = with.to_string().repeat(end - start);
    text.replace_range(start..end, &masked);
}

/// Spellings of the apostrophe that running text carries undecoded; claims move with the text.
fn fold(text: &str, claims: &mut [Claim]) -> String {
    const SPELLINGS: [&str; 5] = ["\\u0027", "&#39;", "&#x27;", "&apos;", "\\'"];
    if !SPELLINGS.iter().any(|spelling| text.contains(spelling)) {
        return text.to_string();
    }
    let (mut out, mut moved, mut at) = (String::new(), vec![0; text.len() + 1], 0);
    while at < text.len() {
        moved[at] = out.len();
        let spelling = SPELLINGS.iter().find(|spelling| text[at..].starts_with(**spelling));
        let next = text[at..].chars().next().expect("not at the end");
        out.push(if spelling.is_some() { '\'' } else { next });
        at += spelling.map_or(next.len_utf8(), |spelling| spelling.len());
    }
    moved[text.len()] = out.len();
    for claim in claims {
        (claim.start, claim.end) = (moved[claim.start], moved[claim.end]);
    }
    out
}

pub fn line_number(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}
