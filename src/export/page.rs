//! The landing page: where to look. Plain HTML without script, style or form; every value that is not ours is escaped.

/// A whole HTML document.
pub(super) fn landing(version: &str, telemetry_path: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>faultline</title></head>\n<body>\n\
         <h1>faultline {}</h1>\n<ul>\n<li><a href=\"{path}\">{path}</a></li>\n\
         <li><a href=\"/-/healthy\">/-/healthy</a></li>\n<li><a href=\"/-/ready\">/-/ready</a></li>\n</ul>\n\
         </body>\n</html>\n",
        Escaped(version),
        path = Escaped(telemetry_path),
    )
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
            c => std::fmt::Write::write_char(f, c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_bring_its_own_tags() {
        let html = landing("1", "/<script>alert('&\"')</script>");
        let path = "/&lt;script&gt;alert(&#39;&amp;&quot;&#39;)&lt;/script&gt;";
        assert!(html.contains(&format!("<a href=\"{path}\">{path}</a>")), "{html}");
        assert!(!html.contains("<script"), "{html}");
    }
}
