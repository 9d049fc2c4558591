//! Tables for people: plain columns, numbers to the right, no frame. The only file that knows the table crate.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

/// A column's title and whether it holds numbers.
pub type Column = (&'static str, Align);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Rows under a heading, one line each, without blanks at the ends of lines. Cells hold no control characters: labels
/// are cleaned when they are made.
pub fn render(columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>, heading: Heading) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|(title, _)| *title));
    for row in rows {
        table.add_row(row);
    }
    for ((_, align), column) in columns.iter().zip(table.column_iter_mut()) {
        column.set_padding((0, 2));
        if *align == Align::Right {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = String::new();
    for (place, line) in table.lines().enumerate() {
        let line = line.trim_end();
        match heading {
            Heading::Bold if place == 0 => text.extend(["\x1b[1m", line, "\x1b[0m\n"]),
            _ => text.extend([line, "\n"]),
        }
    }
    text
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heading {
    Plain,
    /// For a terminal that takes it.
    Bold,
}

impl Heading {
    pub fn for_stream(stream: &impl std::io::IsTerminal) -> Heading {
        if super::output::wants_colour(stream) { Heading::Bold } else { Heading::Plain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_numbers_stand_to_the_right() {
        let rows = [vec!["okta".into(), "7".into()], vec!["verimatrix".into(), "1,200".into()]];
        let text = render(&[("provider", Align::Left), ("count", Align::Right)], rows, Heading::Plain);
        assert_eq!(text, "provider    count\nokta            7\nverimatrix  1,200\n");
    }
}
