//! How verbs speak: as text or JSON, with progress where somebody watches.

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// What every verb takes.
#[derive(Args, Clone, Copy, Debug)]
pub struct Output {
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// A progress bar on a terminal, nothing elsewhere.
#[must_use]
pub fn progress(what: &'static str, length: u64, output: Output) -> ProgressBar {
    if output.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length).with_message(what);
    // The template is a constant; were it wrong, the default one would be shown.
    if let Ok(style) = ProgressStyle::with_template("{msg:>20} {wide_bar} {human_pos}/{human_len} {eta}") {
        bar.set_style(style);
    }
    bar
}

/// Something that moves while work of unknown length is done, on a terminal only.
#[must_use]
pub fn spinner(what: &'static str, output: Output) -> ProgressBar {
    if output.json || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new_spinner().with_message(what);
    bar.enable_steady_tick(std::time::Duration::from_millis(100));
    bar
}
