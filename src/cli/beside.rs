//! Two lists beside each other, by their longest common subsequence.

/// A row: what is on each side. On both: it is the same.
pub(super) type Row<'l, T> = (Option<&'l T>, Option<&'l T>);

/// The rows of two lists.
pub(super) fn beside<'l, T>(
    was: &'l [T],
    now: &'l [T],
    same: impl Fn(&T, &T) -> bool,
) -> Vec<Row<'l, T>> {
    let mut common = vec![vec![0usize; now.len() + 1]; was.len() + 1];
    for i in (0..was.len()).rev() {
        for j in (0..now.len()).rev() {
            common[i][j] = if same(&was[i], &now[j]) {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut rows = Vec::new();
    while i < was.len() || j < now.len() {
        let (left, right) = (was.get(i), now.get(j));
        let both = left
            .zip(right)
            .is_some_and(|(left, right)| same(left, right));
        let takes_left =
            both || (left.is_some() && (right.is_none() || common[i + 1][j] >= common[i][j + 1]));
        let takes_right = both || !takes_left;
        rows.push((left.filter(|_| takes_left), right.filter(|_| takes_right)));
        i += usize::from(takes_left);
        j += usize::from(takes_right);
    }
    rows
}
