//! What is read while a batch is being stored.
//!
//! Where the database is the slower one, as with a large backlog, these batches pile up and are then stored at once: the more
//! events a transaction has, the less each of them costs, since they share the pages of the indexes that are written.

use std::collections::VecDeque;

use crate::{Batch, Error};

/// The most batches that are stored at once. More gain little, and memory holds twice as many: those that are being stored, and
/// those that are read meanwhile.
const MOST: usize = 8;

/// Batches and failures, in the order in which the collector gave them.
#[derive(Default)]
pub(super) struct Ahead(VecDeque<Result<Batch, Error>>);

impl Ahead {
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= MOST
    }

    pub(super) fn push(&mut self, next: Result<Batch, Error>) {
        self.0.push_back(next);
    }

    /// The next failure, or what is to be stored next: all batches up to a failure, or up to a second gap.
    pub(super) fn pop(&mut self) -> Option<Result<Batch, Error>> {
        let mut batch = match self.0.pop_front()? {
            Ok(batch) => batch,
            failure => return Some(failure),
        };
        while let Some(Ok(next)) = self.0.pop_front_if(|next| next.is_ok()) {
            if let Err(next) = batch.append(next) {
                self.0.push_front(Ok(*next));
                break;
            }
        }
        Some(Ok(batch))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::{Cursor, Gap, GapReason, Point, Rejected, ResourceVersion};

    fn point(version: u64) -> Point {
        Point { resource_version: ResourceVersion::new(version.to_string()), at: Timestamp::UNIX_EPOCH }
    }

    /// A batch with one rejection, by which it is known, and perhaps with a gap up to this number.
    fn batch(number: u64, has_gap: bool) -> Result<Batch, Error> {
        let gap = Gap { namespace: None, from: point(0), to: point(number), why: GapReason::Expired };
        Ok(Batch {
            changes: Vec::new(),
            rejected: vec![Rejected { reason: number.to_string(), sample: String::new() }],
            gap: has_gap.then_some(gap),
            cursor: Cursor { cluster: "default".to_owned(), positions: BTreeMap::new() },
        })
    }

    /// What is popped: the numbers of the batches that are one now, and the end of its gap.
    fn popped(ahead: &mut Ahead) -> Vec<String> {
        std::iter::from_fn(|| ahead.pop())
            .map(|next| match next {
                Ok(batch) => {
                    let numbers: Vec<_> = batch.rejected.iter().map(|rejected| &*rejected.reason).collect();
                    let gap = batch.gap.map(|gap| format!(" gap to {}", gap.to.resource_version)).unwrap_or_default();
                    format!("{}{gap}", numbers.join("+"))
                }
                Err(_) => "failure".to_owned(),
            })
            .collect()
    }

    #[test]
    fn batches_are_joined_in_their_order_up_to_a_failure_or_a_second_gap() {
        let mut ahead = Ahead::default();
        for next in [batch(1, false), batch(2, true), batch(3, false), batch(4, true), batch(5, false)] {
            ahead.push(next);
        }
        ahead.push(Err(Error::Options { option: "page_size", problem: "of a test".to_owned() }));
        ahead.push(batch(6, false));
        assert!(!ahead.is_full());
        ahead.push(batch(7, false));
        assert!(ahead.is_full());
        assert_eq!(popped(&mut ahead), ["1+2+3 gap to 2", "4+5 gap to 4", "failure", "6+7"]);
    }
}
