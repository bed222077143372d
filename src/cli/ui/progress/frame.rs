//! A board as lines on a screen: cut to its width, and no more of them than it has.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::cli::ui::colour::Colour;
use crate::cli::ui::progress::board::{Board, Mark, Row};
use crate::docker::human;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// One for each eighth of a layer.
const LEVELS: [char; 9] = ['⠀', '⡀', '⣀', '⣄', '⣤', '⣦', '⣶', '⣷', '⣿'];
/// Layers of one image that are drawn; the rest only counts.
const PARTS: usize = 24;

/// Columns that mark, blanks and time take beside a name and a text.
const BESIDE: usize = 12;
/// Columns below which a name says nothing any more.
const LEAST_NAME: usize = 16;

/// One line, in pieces of one colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line(Vec<(Option<Colour>, String)>);

impl Line {
    /// The line with or without its colours.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        let piece = |(code, text): &(Option<Colour>, String)| match code {
            Some(code) => code.paint(text, colour),
            None => text.clone(),
        };
        self.0.iter().map(piece).collect()
    }
}

/// ```text
/// [+] up 1/2
///  ✔ Network demo_default  Created   0.1s
///  ⠙ Container demo-web-1  Starting  2.3s
/// ```
///
/// Where there are more rows than lines, those that are not done come first.
#[must_use]
pub fn frame(board: &Board, now: Duration, width: usize, height: usize) -> Vec<Line> {
    if board.rows.is_empty() {
        return Vec::new();
    }
    let (done, all) = board.count();
    let mut lines =
        vec![Line(vec![(None, cut(&format!("[+] {} {done}/{all}", board.operation), width))])];
    // One line stays free: the cursor's.
    let room = height.saturating_sub(2);
    let shown = visible(&board.rows, room);
    let widest = shown.iter().map(|row| row.id.width()).max().unwrap_or(0);
    let longest = shown.iter().map(|row| row.text.width()).max().unwrap_or(0);
    // A long name leaves room for what happens to it.
    let left = width.saturating_sub(BESIDE + longest);
    let widest = if left >= LEAST_NAME { widest.min(left) } else { widest };
    lines.extend(shown.iter().map(|row| line(row, now, widest, width)));
    if shown.len() < all {
        let more = format!(" ... {} more", all - shown.len());
        lines.push(Line(vec![(None, cut(&more, width))]));
    }
    lines
}

/// As many rows as there is room for, in their order: what is being done, then what was done last.
fn visible(rows: &[Row], room: usize) -> Vec<&Row> {
    if rows.len() <= room {
        return rows.iter().collect();
    }
    let mut chosen: Vec<usize> = (0..rows.len()).collect();
    chosen.sort_by_key(|index| match rows[*index].mark {
        Mark::Working => (0, *index),
        _ => (1, rows.len() - index),
    });
    // One line says how many are missing.
    chosen.truncate(room.saturating_sub(1));
    chosen.sort_unstable();
    chosen.into_iter().map(|index| &rows[index]).collect()
}

fn line(row: &Row, now: Duration, widest: usize, width: usize) -> Line {
    let took = row.end.unwrap_or(now).saturating_sub(row.begin);
    let timer = format!(" {:.1}s", took.as_secs_f64());
    let (mark, colour) = match row.mark {
        Mark::Working => (SPINNER[(now.as_millis() / 100) as usize % 10], Colour::WORKING),
        Mark::Done => ("✔", Colour::DONE),
        Mark::Warning => ("!", Colour::WARNING),
        Mark::Failed => ("✘", Colour::ERROR),
    };
    let name = squeeze(&row.id, widest);
    let padding = " ".repeat(widest.saturating_sub(name.width()));
    let mut body = format!(" {name}{padding}  {}", row.text);
    if row.mark == Mark::Working && !row.parts.is_empty() {
        body.push_str(&transfer(row));
    }
    if !row.details.is_empty() {
        body.push(' ');
        body.push_str(row.details.lines().next().unwrap_or_default());
    }
    let room = width.saturating_sub(timer.width() + 3);
    let body = cut(&body, room);
    let gap = " ".repeat(room.min(widest + 20).saturating_sub(body.width()));
    Line(vec![
        (None, " ".to_owned()),
        (Some(colour), mark.to_owned()),
        (None, body + &gap),
        (Some(Colour::TIME), timer),
    ])
}

/// ` [⣿⣿⣄⠀] 12.3MB / 45.6MB`
fn transfer(row: &Row) -> String {
    let level = |ratio: f64| LEVELS[(ratio * 8.0) as usize % LEVELS.len()];
    let bars: String = row.parts.iter().take(PARTS).map(|part| level(part.ratio())).collect();
    match row.bytes() {
        Some((done, total)) => {
            format!(" [{bars}] {} / {}", human::size(done), human::size(total))
        }
        None => format!(" [{bars}]"),
    }
}

/// A name in `width` columns: where it is longer, its end stays, which tells it from others.
fn squeeze(name: &str, width: usize) -> String {
    if name.width() <= width {
        return name.to_owned();
    }
    let mut end = String::new();
    for letter in name.chars().rev() {
        if end.width() + letter.width().unwrap_or(0) > width / 3 {
            break;
        }
        end.insert(0, letter);
    }
    cut(name, width - end.width()) + &end
}

/// As much of `text` as fits into `width` columns; control characters become spaces.
fn cut(text: &str, width: usize) -> String {
    let mut left = width;
    let mut short = String::new();
    for letter in text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }) {
        let columns = letter.width().unwrap_or(0);
        if columns > left {
            // The last column that is ours says that something is missing.
            if short.pop().is_some() {
                short.push('…');
            }
            break;
        }
        left -= columns;
        short.push(letter);
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ui::progress::Event;
    use crate::engine::{Phase, ProgressUpdate};

    fn board(events: &[(&str, Mark, &str)]) -> Board {
        let mut board = Board::new("up");
        for (second, (id, mark, text)) in events.iter().enumerate() {
            let event = Event { id, mark: *mark, text, details: "" };
            board.event(&event, Duration::from_secs(second as u64));
        }
        board
    }

    fn text(board: &Board, width: usize, height: usize) -> String {
        let lines = frame(board, Duration::from_secs(9), width, height);
        lines.iter().map(|line| line.text(false) + "\n").collect()
    }

    #[test]
    fn one_line_for_each_thing_and_a_heading() {
        let board = board(&[
            ("Network demo_default", Mark::Working, "Creating"),
            ("Network demo_default", Mark::Done, "Created"),
            ("Container demo-web-1", Mark::Working, "Starting"),
            ("Container x", Mark::Failed, "Error"),
        ]);
        assert_eq!(
            text(&board, 80, 24),
            "[+] up 2/3\n \
             ✔ Network demo_default  Created           1.0s\n \
             ⠋ Container demo-web-1  Starting          7.0s\n \
             ✘ Container x           Error             0.0s\n"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let board = board(&[("Container demo-web-1", Mark::Working, "Starting")]);
        for width in [20, 21, 30, 40] {
            for line in text(&board, width, 24).lines() {
                assert!(line.width() <= width, "{line}");
            }
        }
        assert_eq!(text(&board, 24, 24), "[+] up 0/1\n ⠋ Container demo… 9.0s\n");
    }

    #[test]
    fn a_long_name_leaves_room_for_what_happens() {
        let name = format!("Container demo-{}-1", "long-".repeat(12));
        let board =
            board(&[(&name, Mark::Working, "Starting"), ("Network x", Mark::Done, "Created")]);
        assert_eq!(
            text(&board, 40, 24),
            "[+] up 1/2\n \
             ⠋ Container dem…ong--1  Starting  9.0s\n \
             ✔ Network x             Created   0.0s\n"
        );
    }

    #[test]
    fn what_is_not_done_stays_visible_when_there_is_no_room_for_all() {
        let mut events = vec![("a", Mark::Done, ""), ("b", Mark::Working, "")];
        events.extend([("c", Mark::Done, ""), ("d", Mark::Done, ""), ("e", Mark::Working, "")]);
        let text = text(&board(&events), 80, 6);
        let names: Vec<_> = text.lines().map(|line| line.split_whitespace().nth(1)).collect();
        assert_eq!(names, [Some("up"), Some("b"), Some("d"), Some("e"), Some("2")]);
    }

    #[test]
    fn a_transfer_has_a_bar_for_each_layer() {
        let mut board = board(&[("Image nginx", Mark::Working, "Pulling")]);
        for (part, phase, done) in
            [("a", Phase::Done, 0), ("b", Phase::Downloading, 500_000), ("c", Phase::Waiting, 0)]
        {
            let update = ProgressUpdate { image: "nginx", part, phase, done, total: 1_000_000 };
            board.part(&update, Duration::from_secs(1));
        }
        assert!(
            text(&board, 80, 24).contains(" Image nginx  Pulling [⣿⣤⠀] 1.5MB / 3MB"),
            "{}",
            text(&board, 80, 24)
        );
    }
}
