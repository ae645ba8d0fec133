//! A page that can be mailed: one HTML file with its style and its plots (SVG) in it, no script, no
//! request to anywhere. Whatever text is put in is escaped.

use std::fmt::Write;

/// Style of every page. Colours that can be told apart on paper and in the dark.
const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#6a737d;--line:#d8dee4;--fill:#2f6fb7;--paper:#fff}\
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9198a1;--line:#3d444d;--fill:#6ea8e6;--paper:#0d1117}}\
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:60rem;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.6rem}h2{font-size:1.15rem;margin-top:2.2rem}p.soft,td.soft{color:var(--soft)}\
table{border-collapse:collapse;margin:.6rem 0}th,td{padding:.15rem .8rem .15rem 0;text-align:right;border-bottom:1px solid var(--line)}\
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}\
pre{white-space:pre-wrap;border-left:3px solid var(--line);padding-left:.8rem}\
svg{display:block;margin:.6rem 0;max-width:100%;height:auto}svg text{fill:var(--ink);font:12px system-ui,sans-serif}\
svg rect{fill:var(--fill)}";

/// Pixels of a bar, and of the whole plot beside it.
const BAR: (u64, u64, u64) = (16, 220, 420);
/// Pixels of a column's plot.
const COLUMNS: (u64, u64) = (700, 160);

/// A page in the making.
#[derive(Clone, Debug)]
pub struct Page {
    title: String,
    body: String,
}

impl Page {
    /// An empty page.
    pub fn new(title: &str) -> Self {
        let body = format!("<h1>{}</h1>\n", escape(title));
        let title = title.to_owned();
        Self { title, body }
    }

    /// A heading.
    pub fn heading(&mut self, text: &str) {
        let _ = writeln!(self.body, "<h2>{}</h2>", escape(text));
    }

    /// A paragraph.
    pub fn paragraph(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p>{}</p>", escape(text));
    }

    /// A remark.
    pub fn remark(&mut self, text: &str) {
        let _ = writeln!(self.body, "<p class=\"soft\">{}</p>", escape(text));
    }

    /// A table: the first column is of names, the others of figures.
    pub fn table(&mut self, heads: &[&str], rows: &[Vec<String>]) {
        let cells = |tag: &str, cells: &mut dyn Iterator<Item = &str>| {
            let cell = |text: &str| format!("<{tag}>{}</{tag}>", escape(text));
            format!("<tr>{}</tr>\n", cells.map(cell).collect::<String>())
        };
        self.body.push_str("<table>\n");
        self.body.push_str(&cells("th", &mut heads.iter().copied()));
        for row in rows {
            self.body
                .push_str(&cells("td", &mut row.iter().map(String::as_str)));
        }
        self.body.push_str("</table>\n");
    }

    /// Bars beside each other: name and figure.
    pub fn bars(&mut self, title: &str, bars: &[(String, u64)]) {
        let most = bars
            .iter()
            .map(|(_, value)| *value)
            .max()
            .unwrap_or(0)
            .max(1);
        let (step, left, wide) = (BAR.0 + 6, BAR.1, BAR.2);
        let count = u64::try_from(bars.len()).unwrap_or(0);
        let (width, height) = (left + wide + 90, count * step + 4);
        let mut svg = open(title, width, height);
        for ((name, value), row) in bars.iter().zip(0u64..) {
            let (top, long) = (row * step + 2, value * wide / most);
            let base = top + 12;
            let (name, end) = (escape(name), left + long + 6);
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{name}</text>\
                 <rect x=\"{left}\" y=\"{top}\" width=\"{long}\" height=\"{}\"/>\
                 <text x=\"{end}\" y=\"{base}\">{value}</text>",
                left - 8,
                BAR.0
            );
        }
        self.body.push_str(&svg);
        self.body.push_str("</svg>\n");
    }

    /// Columns along an axis: name and figure.
    pub fn columns(&mut self, title: &str, columns: &[(String, u64)]) {
        let most = columns
            .iter()
            .map(|(_, value)| *value)
            .max()
            .unwrap_or(0)
            .max(1);
        let count = u64::try_from(columns.len()).unwrap_or(0).max(1);
        let (wide, tall) = COLUMNS;
        let step = (wide / count).max(2);
        // Every so many columns have a name: no two of them touch.
        let named = (64 / step).max(1);
        let mut svg = open(title, step * count + 60, tall + 40);
        for ((name, value), column) in columns.iter().zip(0u64..) {
            let (x, high) = (column * step, value * tall / most);
            let _ = write!(
                svg,
                "<rect x=\"{x}\" y=\"{}\" width=\"{}\" height=\"{high}\"><title>{}: {value}</title></rect>",
                tall - high + 16,
                (step * 4 / 5).max(1),
                escape(name)
            );
            if column % named == 0 {
                let _ = write!(
                    svg,
                    "<text x=\"{x}\" y=\"{}\">{}</text>",
                    tall + 32,
                    escape(name)
                );
            }
        }
        let _ = writeln!(svg, "\n<text x=\"0\" y=\"11\">{most}</text>");
        self.body.push_str(&svg);
        self.body.push_str("</svg>\n");
    }

    /// The whole file.
    pub fn finish(self) -> String {
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{}</title>\n\
             <style>{STYLE}</style>\n</head>\n<body>\n{}</body>\n</html>\n",
            escape(&self.title),
            self.body
        )
    }
}

fn open(title: &str, width: u64, height: u64) -> String {
    format!(
        "<svg role=\"img\" aria-label=\"{}\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n",
        escape(title)
    )
}

/// Text that is nothing but text wherever it stands.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text_and_nothing_is_asked_of_anybody() {
        let evil = "</title><script src='http://x'>\"&";
        let mut page = Page::new(evil);
        page.heading(evil);
        page.paragraph(evil);
        page.remark(evil);
        page.table(&[evil], &[vec![evil.to_owned()]]);
        page.bars(evil, &[(evil.to_owned(), 3)]);
        page.columns(evil, &[(evil.to_owned(), 3), (String::new(), 0)]);
        let page = page.finish();
        let count = |text: &str| page.matches(text).count();
        assert_eq!(count("<script"), 0);
        let escaped = count("&lt;script src=&#39;http://x&#39;&gt;&quot;&amp;");
        assert_eq!(escaped, count("http://x"));
        // Whatever was given stands there: the title twice, in the head and on the page.
        assert!(escaped >= 12, "{escaped}");
    }
}
