//! Markdown: tables that read well as they are too, and texts of others in which nothing is taken for markup.

use std::fmt;

use crate::days::Days;

/// The most characters of a text in a cell.
const MOST: usize = 200;

/// A table: columns of texts, and then columns of numbers.
pub(crate) struct Table(String);

impl Table {
    pub(crate) fn new(texts: &[&str], numbers: &[String]) -> Self {
        let heads = texts.iter().copied().chain(numbers.iter().map(String::as_str));
        let lines = texts.iter().map(|_| "---").chain(numbers.iter().map(|_| "---:"));
        let mut table = Self(String::new());
        table.line(heads);
        table.line(lines);
        table
    }

    /// A table of one text, and a number for each of the days.
    pub(crate) fn of_days(text: &str, days: &Days) -> Self {
        Self::new(&[text], &days.0.map(|day| day.date.to_string()))
    }

    /// Appends a row. Texts that others wrote must be [escaped](escape).
    pub(crate) fn row<const T: usize, const N: usize>(&mut self, texts: [String; T], numbers: [String; N]) {
        self.line(texts.iter().chain(&numbers).map(String::as_str));
    }

    fn line<'a>(&mut self, cells: impl Iterator<Item = &'a str>) {
        for cell in cells {
            self.0.push_str("| ");
            self.0.push_str(cell);
            self.0.push(' ');
        }
        self.0.push_str("|\n");
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that somebody else wrote: in one line, cut, and without markup.
pub(crate) fn escape(text: &str) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    let mut escaped = String::new();
    for (index, character) in line.chars().enumerate() {
        if index == MOST {
            escaped.push('…');
            break;
        }
        if matches!(character, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '#' | '&' | '!') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_wrote_is_no_markup_and_breaks_no_table() {
        let text = "a|b\n# [x](http://y) <b>*_`~&!\\\u{0}";
        assert_eq!(escape(text), r"a\|b \# \[x\](http://y) \<b\>\*\_\`\~\&\!\\");
        assert_eq!(escape(&"x".repeat(201)), format!("{}…", "x".repeat(200)));
        let mut table = Table::new(&["Text"], &["Number".to_owned()]);
        table.row([escape("|")], ["1".to_owned()]);
        assert_eq!(table.to_string(), "| Text | Number |\n| --- | ---: |\n| \\| | 1 |\n");
    }
}
