//! Columns that are as wide as what stands in them, line by line, as Go's tabwriter lays them out (smallest
//! width 0, padding 2): describe output is aligned this way, and scripts cut it up.

/// Blanks after the widest cell of a column.
const PADDING: usize = 2;

/// Lays out text whose cells end in tabs. A column reaches over neighbouring lines that have a cell there.
pub fn aligned(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> = lines.iter().map(|cells| vec![0; cells.len() - 1]).collect();
    measure(&lines, &mut widths, 0, 0..lines.len());
    let mut out = String::new();
    for (cells, widths) in lines.iter().zip(&widths) {
        for (position, cell) in cells.iter().enumerate() {
            out.push_str(cell);
            if let Some(width) = widths.get(position) {
                let gap = width.saturating_sub(cell.chars().count());
                out.extend(std::iter::repeat_n(' ', gap));
            }
        }
        out.push('\n');
    }
    out
}

/// Sets the widths of `column` and of those to its right, within a run of lines.
fn measure(lines: &[Vec<&str>], widths: &mut [Vec<usize>], column: usize, within: std::ops::Range<usize>) {
    let mut line = within.start;
    while line < within.end {
        if lines[line].len() <= column + 1 {
            line += 1;
            continue;
        }
        let rest = line..within.end;
        let end = rest.clone().find(|other| lines[*other].len() <= column + 1).unwrap_or(within.end);
        let width = |other: usize| lines[other][column].chars().count() + PADDING;
        let widest = (line..end).map(width).max().unwrap_or_default();
        for of_line in &mut widths[line..end] {
            of_line[column] = widest;
        }
        measure(lines, widths, column + 1, line..end);
        line = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_lines_share_their_columns() {
        let text = "Name:\tb\nNamespace:\tvelero\n\nNamespaces:\n\tIncluded:\t*\n\tExcluded:\t<none>\n";
        let expected =
            "Name:       b\nNamespace:  velero\n\nNamespaces:\n  Included:  *\n  Excluded:  <none>\n";
        assert_eq!(aligned(text), expected);
    }
}
