//! `lines.txt` → what the demo may write, how often, and what it is expected to be judged as.

/// One event and its weight among all others.
#[derive(Debug)]
pub struct Template {
    /// `none`, `match okta E0000011`, `ambiguous`, …
    #[cfg(test)]
    pub expected: String,
    weight: u32,
    surge: Option<Surge>,
    pub text: Vec<Part>,
}

#[derive(Debug)]
struct Surge {
    weight: u32,
    outage: String,
}

#[derive(Debug)]
pub enum Part {
    Text(String),
    Fill(Fill),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    Iso,
    Plain,
    Space,
    Clf,
    Bsd,
    Klog,
    Nano,
    Epoch,
    Tenant,
    Number,
    Duration,
    Small,
    Hex,
    Uuid,
    Ip,
    Pid,
    User,
}

impl Fill {
    const NAMES: [(&str, Fill); 17] = [
        ("iso", Fill::Iso),
        ("plain", Fill::Plain),
        ("space", Fill::Space),
        ("clf", Fill::Clf),
        ("bsd", Fill::Bsd),
        ("klog", Fill::Klog),
        ("nano", Fill::Nano),
        ("epoch", Fill::Epoch),
        ("tenant", Fill::Tenant),
        ("n", Fill::Number),
        ("ms", Fill::Duration),
        ("id", Fill::Small),
        ("hex", Fill::Hex),
        ("uuid", Fill::Uuid),
        ("ip", Fill::Ip),
        ("pid", Fill::Pid),
        ("user", Fill::User),
    ];
}

impl Template {
    /// How often it is written while `outage` is on.
    pub fn weight(&self, outage: Option<&str>) -> u32 {
        match &self.surge {
            Some(surge) if Some(surge.outage.as_str()) == outage => surge.weight,
            _ => self.weight,
        }
    }

    pub fn outage(&self) -> Option<&str> {
        self.surge.as_ref().map(|surge| surge.outage.as_str())
    }
}

/// All templates of the built-in script.
pub fn templates() -> Vec<Template> {
    parse(include_str!("lines.txt"))
}

fn parse(script: &str) -> Vec<Template> {
    let mut templates: Vec<Template> = Vec::new();
    for line in script.lines() {
        if let Some(head) = line.strip_prefix("= ") {
            templates.push(head_of(head));
        } else if let Some(template) =
            templates.last_mut().filter(|_| !line.is_empty() && !line.starts_with('#'))
        {
            template.text.extend(parts(line));
            template.text.push(Part::Text("\n".to_owned()));
        }
    }
    templates
}

/// `VERDICT [PROVIDER CODE] WEIGHT [SURGE OUTAGE]`
fn head_of(head: &str) -> Template {
    const SHAPE: &str = "the script is built in and a test reads all of it";
    let words: Vec<&str> = head.split(' ').collect();
    let at = if words[0] == "match" { 3 } else { 1 };
    Template {
        #[cfg(test)]
        expected: words[..at].join(" "),
        weight: words[at].parse().expect(SHAPE),
        surge: (words.len() > at + 1)
            .then(|| Surge { weight: words[at + 1].parse().expect(SHAPE), outage: words[at + 2].to_owned() }),
        text: Vec::new(),
    }
}

fn parts(line: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some((before, fill, after)) = first_fill(rest) {
        parts.push(Part::Text(before.to_owned()));
        parts.push(Part::Fill(fill));
        rest = after;
    }
    parts.push(Part::Text(rest.to_owned()));
    parts
}

fn first_fill(text: &str) -> Option<(&str, Fill, &str)> {
    text.match_indices('@').find_map(|(at, _)| {
        let (name, after) = text[at + 1..].split_once('@')?;
        let (_, fill) = Fill::NAMES.into_iter().find(|(known, _)| *known == name)?;
        Some((&text[..at], fill, after))
    })
}
