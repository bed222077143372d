//! Where boxes go: in rows, each above all that it needs, with few crossings.
//!
//! The usual way (Sugiyama): rows by the longest path, a waypoint in each row that a long arrow
//! passes, order within rows by the middle of the neighbours, then places that pull a box towards
//! its neighbours without moving it past the one beside it.

use super::Diagram;

/// Space between two things in a row.
const GAP: f64 = 36.0;
/// Sweeps over all rows, down and up.
const SWEEPS: usize = 12;

/// A box or a waypoint.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// Its middle.
    pub x: f64,
    /// Width.
    pub width: f64,
    /// Row, from 0 at the top.
    pub row: usize,
}

/// Places of all boxes and arrows.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// Boxes first, by their index, then waypoints.
    pub spots: Vec<Spot>,
    /// For each arrow the spots it passes, both ends included.
    pub paths: Vec<Vec<usize>>,
    /// How many rows there are.
    pub rows: usize,
}

/// Places boxes of these widths.
///
/// `labels` are the widths of what arrows say, 0 for nothing: the first waypoint has room for it.
pub fn layout(diagram: &Diagram, widths: &[f64], labels: &[f64]) -> Layout {
    let rows = rows(diagram);
    let mut layout =
        Layout { rows: rows.iter().max().map_or(0, |row| row + 1), ..Layout::default() };
    layout.spots = widths
        .iter()
        .zip(&rows)
        .map(|(width, row)| Spot { x: 0.0, width: *width, row: *row })
        .collect();
    for (arrow, label) in diagram.arrows.iter().zip(labels) {
        let mut path = vec![arrow.from];
        let (top, bottom) = (rows[arrow.from], rows[arrow.to]);
        // Only in a circle does an arrow go up or stay in its row.
        for row in top + 1..bottom.max(top + 1) {
            path.push(layout.spots.len());
            let width = if row == top + 1 { label.max(10.0) } else { 10.0 };
            layout.spots.push(Spot { x: 0.0, width, row });
        }
        path.push(arrow.to);
        layout.paths.push(path);
    }
    let neighbours = neighbours(&layout);
    let mut order = order(&layout, &neighbours);
    place(&mut layout, &mut order, &neighbours);
    layout
}

/// The row of each box: one below the lowest that needs it.
fn rows(diagram: &Diagram) -> Vec<usize> {
    let mut rows = vec![0; diagram.boxes.len()];
    // A path passes each box once; a circle would push its boxes down for ever.
    for _ in 0..diagram.boxes.len() {
        let mut moved = false;
        for arrow in diagram.arrows.iter().filter(|it| it.from != it.to) {
            if rows[arrow.to] <= rows[arrow.from] && rows[arrow.from] + 1 < diagram.boxes.len() {
                rows[arrow.to] = rows[arrow.from] + 1;
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    rows
}

/// For each spot those above it and those below it that an arrow joins it to.
fn neighbours(layout: &Layout) -> Vec<[Vec<usize>; 2]> {
    let mut neighbours = vec![[Vec::new(), Vec::new()]; layout.spots.len()];
    for pair in layout.paths.iter().flat_map(|path| path.windows(2)) {
        neighbours[pair[0]][1].push(pair[1]);
        neighbours[pair[1]][0].push(pair[0]);
    }
    neighbours
}

/// Spots of each row from left to right.
fn order(layout: &Layout, neighbours: &[[Vec<usize>; 2]]) -> Vec<Vec<usize>> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new(); layout.rows];
    for (index, spot) in layout.spots.iter().enumerate() {
        rows[spot.row].push(index);
    }
    let mut at = vec![0.0; layout.spots.len()];
    let renumber = |row: &[usize], at: &mut Vec<f64>| {
        for (position, spot) in row.iter().enumerate() {
            at[*spot] = position as f64;
        }
    };
    rows.iter().for_each(|row| renumber(row, &mut at));
    let (mut best, mut fewest) = (rows.clone(), crossings(layout, &at));
    for sweep in 0..SWEEPS {
        let down = sweep % 2 == 0;
        let side = usize::from(!down);
        let numbers: Vec<usize> =
            if down { (0..rows.len()).collect() } else { (0..rows.len()).rev().collect() };
        for number in numbers {
            let middle = |spot: &usize| match mean(&neighbours[*spot][side], &at) {
                Some(middle) => middle,
                None => at[*spot],
            };
            let mut keyed: Vec<(f64, usize)> =
                rows[number].iter().map(|spot| (middle(spot), *spot)).collect();
            // Stable: equals stay as they are.
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            rows[number] = keyed.into_iter().map(|(_, spot)| spot).collect();
            renumber(&rows[number], &mut at);
        }
        let now = crossings(layout, &at);
        if now < fewest {
            (best, fewest) = (rows.clone(), now);
        }
    }
    best
}

fn mean(spots: &[usize], at: &[f64]) -> Option<f64> {
    let sum: f64 = spots.iter().map(|spot| at[*spot]).sum();
    (!spots.is_empty()).then(|| sum / spots.len() as f64)
}

/// How often two arrows cross.
fn crossings(layout: &Layout, at: &[f64]) -> usize {
    let mut between: Vec<Vec<(f64, f64)>> = vec![Vec::new(); layout.rows];
    for pair in layout.paths.iter().flat_map(|path| path.windows(2)) {
        between[layout.spots[pair[0]].row].push((at[pair[0]], at[pair[1]]));
    }
    let crosses = |a: &(f64, f64), b: &(f64, f64)| (a.0 - b.0) * (a.1 - b.1) < 0.0;
    between
        .iter()
        .map(|pairs| {
            let of = |(index, pair): (usize, &(f64, f64))| {
                pairs[index + 1..].iter().filter(|it| crosses(pair, it)).count()
            };
            pairs.iter().enumerate().map(of).sum::<usize>()
        })
        .sum()
}

/// Gives every spot its place, the leftmost edge at 0.
fn place(layout: &mut Layout, order: &mut [Vec<usize>], neighbours: &[[Vec<usize>; 2]]) {
    for row in order.iter() {
        let mut edge = 0.0;
        for spot in row {
            let spot = &mut layout.spots[*spot];
            spot.x = edge + spot.width / 2.0;
            edge += spot.width + GAP;
        }
    }
    for sweep in 0..2 * SWEEPS {
        let both = sweep >= SWEEPS;
        let side = sweep % 2;
        let numbers: Vec<usize> =
            if side == 0 { (0..order.len()).collect() } else { (0..order.len()).rev().collect() };
        for number in numbers {
            let at: Vec<f64> = layout.spots.iter().map(|spot| spot.x).collect();
            let wish = |spot: &usize| {
                let [above, below] = &neighbours[*spot];
                let near: Vec<usize> = match both {
                    true => above.iter().chain(below).copied().collect(),
                    false => neighbours[*spot][side].clone(),
                };
                mean(&near, &at).unwrap_or(at[*spot])
            };
            let wishes: Vec<f64> = order[number].iter().map(wish).collect();
            settle(&order[number], &wishes, &mut layout.spots);
        }
    }
    let left = layout.spots.iter().map(|it| it.x - it.width / 2.0).fold(f64::INFINITY, f64::min);
    layout.spots.iter_mut().for_each(|spot| spot.x -= left);
}

/// Puts a row as near to its wishes as the gaps allow: once pushed from the left, once from the
/// right, and the middle of both, which keeps the gaps as each of them does.
fn settle(row: &[usize], wishes: &[f64], spots: &mut [Spot]) {
    let apart = |a: usize, b: usize| (spots[row[a]].width + spots[row[b]].width) / 2.0 + GAP;
    let mut right = wishes.to_vec();
    for index in 1..row.len() {
        right[index] = right[index].max(right[index - 1] + apart(index - 1, index));
    }
    let mut left = wishes.to_vec();
    for index in (1..row.len()).rev() {
        left[index - 1] = left[index - 1].min(left[index] - apart(index - 1, index));
    }
    for (index, spot) in row.iter().enumerate() {
        spots[*spot].x = f64::midpoint(left[index], right[index]);
    }
}
