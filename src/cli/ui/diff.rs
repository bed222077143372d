//! What is different between two texts, as `diff -u` shows it.

use std::fmt::Write as _;

/// Lines shown around a change.
const AROUND: usize = 3;

/// Texts whose changed parts have more lines than this, multiplied, are shown as replaced.
const MOST: usize = 4_000_000;

/// A unified diff; empty for equal texts.
#[must_use]
pub fn unified(name: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (lines(old), lines(new));
    let edits = edits(&old, &new);
    let mut text = format!("--- {name}\n+++ {name}\n");
    let changed: Vec<usize> =
        (0..edits.len()).filter(|at| !matches!(edits[*at], Edit::Same(_))).collect();
    let mut at = 0;
    while at < changed.len() {
        let mut last = at;
        while last + 1 < changed.len() && changed[last + 1] - changed[last] <= 2 * AROUND {
            last += 1;
        }
        let from = changed[at].saturating_sub(AROUND);
        let to = (changed[last] + AROUND + 1).min(edits.len());
        hunk(&mut text, &edits, from, to);
        at = last + 1;
    }
    text
}

/// One line of both texts, or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Edit<'a> {
    Same(&'a str),
    Old(&'a str),
    New(&'a str),
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

fn hunk(text: &mut String, edits: &[Edit], from: usize, to: usize) {
    let count = |range: &[Edit], is: fn(&Edit) -> bool| range.iter().filter(|it| is(it)).count();
    let in_old: fn(&Edit) -> bool = |it| !matches!(it, Edit::New(_));
    let in_new: fn(&Edit) -> bool = |it| !matches!(it, Edit::Old(_));
    let place = |is: fn(&Edit) -> bool| {
        let lines = count(&edits[from..to], is);
        // An empty part is behind a line, any other begins with one.
        (count(&edits[..from], is) + usize::from(lines > 0), lines)
    };
    let ((a, n), (b, m)) = (place(in_old), place(in_new));
    // Writing to a string cannot fail.
    let _ = writeln!(text, "@@ -{a},{n} +{b},{m} @@");
    for edit in &edits[from..to] {
        let (sign, line) = match edit {
            Edit::Same(line) => (' ', line),
            Edit::Old(line) => ('-', line),
            Edit::New(line) => ('+', line),
        };
        text.push(sign);
        text.push_str(line);
        if !line.ends_with('\n') {
            text.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// The fewest lines to remove and add, by the longest common subsequence of what is between the
/// equal beginnings and ends.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Edit<'a>> {
    let start = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - start;
    let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    let mut edits: Vec<Edit> = old[..start].iter().map(|line| Edit::Same(line)).collect();
    match a.len() * b.len() > MOST {
        true => {
            edits.extend(a.iter().map(|line| Edit::Old(line)));
            edits.extend(b.iter().map(|line| Edit::New(line)));
        }
        false => between(a, b, &mut edits),
    }
    edits.extend(old[old.len() - end..].iter().map(|line| Edit::Same(line)));
    edits
}

fn between<'a>(a: &[&'a str], b: &[&'a str], edits: &mut Vec<Edit<'a>>) {
    let width = b.len() + 1;
    let mut common = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            common[i * width + j] = match a[i] == b[j] {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i] == b[j] {
            edits.push(Edit::Same(a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == b.len()
            || i < a.len() && common[(i + 1) * width + j] >= common[i * width + j + 1]
        {
            edits.push(Edit::Old(a[i]));
            i += 1;
        } else {
            edits.push(Edit::New(b[j]));
            j += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_with_what_is_around_them() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\nten";
        assert_eq!(
            unified("a", old, new),
            "--- a\n+++ a\n@@ -2,8 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n 9\n+ten\n\\ No newline at end of file\n"
        );
        assert_eq!(unified("a", "x\n", "x\n"), "");
        assert_eq!(unified("a", "", "x\n"), "--- a\n+++ a\n@@ -0,0 +1,1 @@\n+x\n");
    }
}
