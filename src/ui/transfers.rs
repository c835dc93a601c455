//! Which transfers are worth a progress bar. Pure: time comes in as an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::event::{Direction, Event};

/// A transfer shorter than this has no bar: it would only flicker.
const WORTH_A_BAR: Duration = Duration::from_millis(300);
/// More long transfers than this share one bar.
const MOST_BARS: usize = 3;

/// The transfers of a step.
#[derive(Debug, Default)]
pub struct Transfers {
    active: BTreeMap<u64, Transfer>,
}

/// One transfer.
#[derive(Debug)]
pub struct Transfer {
    /// Which way the bytes go.
    pub direction: Direction,
    /// What is transferred.
    pub name: String,
    /// How many bytes there are, where that is known.
    pub total: Option<u64>,
    /// How many have gone.
    pub sent: u64,
    started: Instant,
}

/// One progress bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What is transferred.
    pub label: String,
    /// How many bytes have gone.
    pub sent: u64,
    /// Of how many, where that is known.
    pub total: Option<u64>,
}

impl Transfers {
    /// Takes note of an event; of a transfer that has ended well it returns what that was.
    pub fn note(&mut self, event: &Event, now: Instant) -> Option<Transfer> {
        match event {
            Event::TransferStarted { id, direction, name, bytes } => {
                let (direction, name, total) = (*direction, name.clone(), *bytes);
                self.active.insert(*id, Transfer { direction, name, total, sent: 0, started: now });
                None
            }
            Event::TransferProgress { id, sent } => {
                if let Some(transfer) = self.active.get_mut(id) {
                    transfer.sent = *sent;
                }
                None
            }
            Event::TransferFinished { id, ok } => self.active.remove(id).filter(|_| *ok),
            _ => None,
        }
    }

    /// The bars to show now: one for each transfer that lasts, or one for all where there are many.
    pub fn rows(&self, now: Instant) -> Vec<Row> {
        let lasting: Vec<&Transfer> =
            self.active.values().filter(|transfer| now.duration_since(transfer.started) >= WORTH_A_BAR).collect();
        if lasting.len() <= MOST_BARS {
            return lasting.into_iter().map(Row::of).collect();
        }
        vec![Row {
            label: format!("{} files", lasting.len()),
            sent: lasting.iter().map(|transfer| transfer.sent).sum(),
            total: lasting.iter().map(|transfer| transfer.total).sum(),
        }]
    }
}

impl Row {
    fn of(transfer: &Transfer) -> Row {
        Row { label: transfer.name.clone(), sent: transfer.sent, total: transfer.total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(transfers: &mut Transfers, id: u64, now: Instant) {
        let event =
            Event::TransferStarted { id, direction: Direction::Upload, name: format!("file{id}"), bytes: Some(1000) };
        transfers.note(&event, now);
        transfers.note(&Event::TransferProgress { id, sent: 100 * id }, now);
    }

    fn row(label: &str, sent: u64, total: u64) -> Row {
        Row { label: label.to_owned(), sent, total: Some(total) }
    }

    #[test]
    fn only_what_lasts_has_a_bar_and_many_share_one() {
        let begin = Instant::now();
        let later = begin + WORTH_A_BAR;
        let mut transfers = Transfers::default();
        start(&mut transfers, 1, begin);
        assert_eq!(transfers.rows(begin), []);
        start(&mut transfers, 2, later);
        assert_eq!(transfers.rows(later), [row("file1", 100, 1000)]);
        for id in 3..=4 {
            start(&mut transfers, id, begin);
        }
        assert_eq!(transfers.rows(later), [row("file1", 100, 1000), row("file3", 300, 1000), row("file4", 400, 1000)]);
        assert_eq!(transfers.rows(later + WORTH_A_BAR), [row("4 files", 1000, 4000)]);
    }

    #[test]
    fn what_ends_well_is_handed_back() {
        let now = Instant::now();
        let mut transfers = Transfers::default();
        start(&mut transfers, 1, now);
        start(&mut transfers, 2, now);
        assert_eq!(transfers.note(&Event::TransferFinished { id: 1, ok: true }, now).unwrap().name, "file1");
        assert!(transfers.note(&Event::TransferFinished { id: 2, ok: false }, now).is_none());
        assert_eq!(transfers.rows(now + WORTH_A_BAR), []);
    }
}
