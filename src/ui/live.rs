//! The lines that move on a terminal: a spinner for the running step, bars for transfers that last.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::text;
use super::transfers::Row;

/// The moving lines at the bottom of the terminal.
pub struct Live {
    lines: MultiProgress,
    spinner: Option<ProgressBar>,
    bars: Vec<ProgressBar>,
}

impl Live {
    /// Nothing moves yet.
    pub fn new() -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        Live { lines, spinner: None, bars: Vec::new() }
    }

    /// Says what is under way.
    pub fn spin(&mut self, message: &str) {
        let lines = &self.lines;
        let spinner = self.spinner.get_or_insert_with(|| {
            let spinner = lines.add(ProgressBar::new_spinner());
            spinner.set_style(style("{spinner} {wide_msg} {elapsed}"));
            spinner.enable_steady_tick(Duration::from_millis(100));
            spinner
        });
        spinner.set_message(text::harmless(message).into_owned());
    }

    /// Shows exactly these transfers.
    pub fn show(&mut self, rows: &[Row]) {
        while self.bars.len() > rows.len() {
            if let Some(bar) = self.bars.pop() {
                bar.finish_and_clear();
                self.lines.remove(&bar);
            }
        }
        while self.bars.len() < rows.len() {
            let bar = self.lines.add(ProgressBar::no_length());
            // 77 columns: it fits the narrowest terminal there is.
            bar.set_style(style("  {msg:28!} [{bar:20}] {decimal_bytes:>9} of {decimal_total_bytes:<9}"));
            self.bars.push(bar);
        }
        for (bar, row) in self.bars.iter().zip(rows) {
            match row.total {
                Some(total) => bar.set_length(total),
                None => bar.unset_length(),
            }
            bar.set_message(text::harmless(&row.label).into_owned());
            bar.set_position(row.sent);
        }
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.show(&[]);
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
            self.lines.remove(&spinner);
        }
    }

    /// Prints above the moving lines.
    pub fn above(&self, print: impl FnOnce()) {
        self.lines.suspend(print);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants").progress_chars("=> ")
}
