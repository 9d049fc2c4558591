//! The landing page: where to look, and which sources are read. Plain HTML without script, style or form; every value
//! that is not ours is escaped.

use std::fmt::Write;

use crate::ledger::Ledger;

/// A whole HTML document.
pub(super) fn landing(version: &str, telemetry_path: &str, ledger: &Ledger) -> String {
    let mut html = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>faultline</title></head>\n<body>\n",
    );
    let totals = ledger.totals();
    write!(
        html,
        "<h1>faultline {}</h1>\n<ul>\n<li><a href=\"{path}\">{path}</a></li>\n\
         <li><a href=\"/-/healthy\">/-/healthy</a></li>\n<li><a href=\"/-/ready\">/-/ready</a></li>\n</ul>\n\
         <p>{} errors, {} ambiguous, {} foreign, {} tenants.</p>\n\
         <table>\n<tr><th>source</th><th>up</th><th>lines</th><th>matched</th></tr>\n",
        Escaped(version),
        totals.errors,
        totals.ambiguous,
        totals.foreign,
        totals.tenants,
        path = Escaped(telemetry_path),
    )
    .expect("a String takes any text");
    for source in ledger.sources() {
        let up = if source.up { "yes" } else { "no" };
        writeln!(
            html,
            "<tr><td>{}</td><td>{up}</td><td>{}</td><td>{}</td></tr>",
            Escaped(source.name),
            source.counts.lines,
            source.counts.matched,
        )
        .expect("a String takes any text");
    }
    html.push_str("</table>\n</body>\n</html>\n");
    html
}

/// Text in HTML, between tags or inside a quoted attribute.
struct Escaped<'a>(&'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::CodeBook;
    use crate::ledger::Limits;

    #[test]
    fn a_source_cannot_bring_its_own_tags() {
        let mut ledger = Ledger::new(Limits::default(), CodeBook::default());
        ledger.open_source("<script>alert('&\"')</script>");
        let html = landing("1", "/a/metrics", &ledger);
        assert!(
            html.contains("<td>&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;</td>"),
            "{html}"
        );
        assert!(!html.contains("<script"), "{html}");
        assert!(html.contains("<a href=\"/a/metrics\">/a/metrics</a>"), "{html}");
    }
}
