//! Columns of text, aligned as Docker's tables are.

use unicode_width::UnicodeWidthStr;

use crate::base::text::one_line;

/// How wide columns are (Go: `text/tabwriter`). The last column is never padded.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    /// Narrowest column, padding included.
    pub min_width: usize,
    /// Spaces between a column's widest cell and the next column.
    pub padding: usize,
}

impl Columns {
    /// `docker ps` and its likes.
    pub const DOCKER: Columns = Columns { min_width: 10, padding: 3 };
    /// `compose ls` and `compose images`.
    pub const WIDE: Columns = Columns { min_width: 20, padding: 3 };
    /// `compose top`.
    pub const NARROW: Columns = Columns { min_width: 4, padding: 2 };

    /// Lays out rows, the header included; each ends in a line break. What cells say comes from
    /// images and containers, and has no power over the terminal.
    #[must_use]
    pub fn align(self, rows: &[Vec<String>]) -> String {
        let rows: Vec<Vec<_>> =
            rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect()).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = rows.iter().filter(|row| column + 1 < row.len());
            let widest = cells.map(|row| row[column].width()).max().unwrap_or(0);
            (widest + self.padding).max(self.min_width)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &rows {
            for (column, cell) in row.iter().enumerate() {
                text.push_str(cell);
                if column + 1 < row.len() {
                    let missing = widths[column].saturating_sub(cell.width());
                    text.extend(std::iter::repeat_n(' ', missing));
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lines: &[&[&str]]) -> Vec<Vec<String>> {
        lines.iter().map(|cells| cells.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    #[test]
    fn columns_are_as_wide_as_the_widest_cell_and_the_last_one_is_free() {
        let text = Columns::DOCKER.align(&rows(&[
            &["NAME", "IMAGE", "PORTS"],
            &["demo-web-1", "nginx", "0.0.0.0:80->80/tcp"],
        ]));
        assert_eq!(
            text,
            "NAME         IMAGE     PORTS\n\
             demo-web-1   nginx     0.0.0.0:80->80/tcp\n"
        );
    }

    #[test]
    fn a_cell_cannot_command_the_terminal_or_begin_a_row() {
        let text = Columns::DOCKER.align(&rows(&[&["\x1b[2Jevil\nroot", "x"]]));
        assert_eq!(text, "^[[2Jevil root   x\n");
    }

    #[test]
    fn what_counts_is_the_width_on_screen() {
        let text =
            Columns { min_width: 0, padding: 1 }.align(&rows(&[&["日本", "x"], &["abc", "x"]]));
        assert_eq!(text, "日本 x\nabc  x\n");
    }
}
