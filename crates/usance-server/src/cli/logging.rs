//! The service's own log on standard error: text, or JSON lines.
//!
//! One event is one line, whatever an error or a name in it says: a line break in a value, or a sign that moves a terminal's
//! cursor or turns the direction of writing, is written as `\u000a`. So nobody who can put a text into an error can forge a
//! line, and JSON stays JSON. There are no colours: whoever lets those through lets others' escapes through, too. A panic is one
//! event like any other, where it happened and without a backtrace. What is never written at all is in `docs/SECURITY.md`.

use std::io::Write;
use std::panic::PanicHookInfo;
use std::{io, panic, thread};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use usance_core::id::is_unseen;

/// The environment variable that says what is logged: a level, or a level for each module.
const LEVELS: &str = "USANCE_LOG";

/// Starts logging to standard error: text, or JSON lines. `quiet` is what is logged when nothing is said, in place of `info`.
pub fn start(json: bool, quiet: Option<&str>) {
    let builder =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(|| Line { out: io::stderr() }).with_target(false);
    let levels = levels(std::env::var(LEVELS).ok().as_deref(), quiet);
    // A second call in one process keeps the first one's setting.
    let started = if json { builder.json().finish().with(levels).try_init() } else { builder.finish().with(levels).try_init() };
    if started.is_ok() {
        panic::set_hook(Box::new(report));
    }
}

/// What is logged: what was said, when it can be read, and otherwise the usual.
fn levels(said: Option<&str>, quiet: Option<&str>) -> Targets {
    let usual = quiet.unwrap_or("info");
    let read = |words: &str| words.parse().ok();
    said.filter(|words| !words.is_empty()).and_then(read).or_else(|| read(usual)).unwrap_or_default()
}

/// A panic as an event.
fn report(panic: &PanicHookInfo<'_>) {
    let said = panic.payload_as_str().unwrap_or("it does not say why");
    let at = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = thread::current();
    tracing::error!(%at, thread = thread.name().unwrap_or(""), "a thread panicked: {said}");
}

/// One event on its way out, as one line.
struct Line<W> {
    out: W,
}

impl<W: Write> Write for Line<W> {
    /// The formatter hands over an event at a time, whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.out.write_all(one_line(event).as_bytes())?;
        Ok(event.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// An event with its own line break at the end and no other.
fn one_line(event: &[u8]) -> String {
    let text = String::from_utf8_lossy(event);
    let (text, end) = text.strip_suffix('\n').map_or((&*text, ""), |text| (text, "\n"));
    in_one_line(text) + end
}

/// A text without anything that is no part of a line: that ends it, moves the cursor, changes the direction of what follows, or is
/// not seen.
pub fn in_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_unseen(letter) {
            line.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            line.push(letter);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_and_what_cannot_be_read_is_the_usual() {
        use tracing_subscriber::filter::LevelFilter as L;
        let root = |said, quiet| levels(said, quiet).default_level();
        assert_eq!(root(Some("warn"), None), Some(L::WARN));
        assert_eq!(root(Some("debug"), Some("error")), Some(L::DEBUG));
        for said in [None, Some(""), Some("usance=loud")] {
            assert_eq!((root(said, None), root(said, Some("error"))), (Some(L::INFO), Some(L::ERROR)), "{said:?}");
        }
        let mixed = levels(Some("warn,usance_server=debug"), None);
        assert!(mixed.would_enable("usance_server::life", &tracing::Level::DEBUG));
        assert!(!mixed.would_enable("hyper", &tracing::Level::INFO));
    }

    /// What is logged of an error that holds this text.
    fn logged(json: bool, evil: &str) -> String {
        #[derive(Clone, Default)]
        struct Kept(std::sync::Arc<parking_lot::Mutex<Vec<u8>>>);
        impl Write for Kept {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let kept = Kept::default();
        let writer = kept.clone();
        let builder = tracing_subscriber::fmt().with_writer(move || Line { out: writer.clone() });
        let work = || {
            tracing::error!(error = %evil, path = evil, "it failed: {evil}");
            tracing::error!("the next one");
        };
        if json {
            tracing::subscriber::with_default(builder.json().finish(), work)
        } else {
            tracing::subscriber::with_default(builder.finish(), work)
        }
        let bytes = kept.0.lock().clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn an_event_is_one_line_whatever_it_says() {
        let evil = "x\r\n2026-01-01T00:00:00Z ERROR forged\u{1b}[2J\u{8}\u{85}\u{2028}\u{202e}\u{61c}\u{9b}31m\u{0}\u{7f}";
        for json in [false, true] {
            let text = logged(json, evil);
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 2, "{text:?}");
            assert!(!lines.iter().any(|line| line.chars().any(is_unseen)), "{text:?}");
            assert!(lines[1].contains("the next one") && text.ends_with('\n'), "{text:?}");
            if json {
                for line in lines {
                    serde_json::from_str::<serde_json::Value>(line).expect("JSON");
                }
            }
        }
    }

    /// Set where this test runs as a process of its own: a hook and a subscriber are the whole process's.
    const ALONE: &str = "TEST_A_PANIC_ALONE";
    const EVIL: &str = "it broke\r\n2026-01-01T00:00:00Z ERROR forged\u{1b}[2J\u{61c}";

    fn broken() {
        panic!("{EVIL}");
    }

    #[test]
    fn a_panic_is_one_event_and_one_line() {
        if let Ok(format) = std::env::var(ALONE) {
            start(format == "json", None);
            let worker = thread::Builder::new().name("worker".into()).spawn(broken);
            assert!(worker.expect("a thread").join().is_err());
            return;
        }
        let (_, own) = module_path!().split_once("::").expect("a module of this crate");
        for format in ["text", "json"] {
            let mut alone = std::process::Command::new(std::env::current_exe().expect("this program"));
            alone.args(["--exact", &format!("{own}::a_panic_is_one_event_and_one_line"), "--nocapture"]);
            alone.env(ALONE, format).env("RUST_BACKTRACE", "1").env_remove(LEVELS).stdin(std::process::Stdio::null());
            let output = alone.output().expect("it runs");
            let said = String::from_utf8(output.stderr).expect("text");
            let lines: Vec<&str> = said.lines().collect();
            assert!(output.status.success() && lines.len() == 1, "{format}: {said:?}");
            assert!(!lines[0].chars().any(is_unseen), "{format}: {said:?}");
            for part in ["ERROR", "a thread panicked: it broke", "forged", "worker", "logging.rs:"] {
                assert!(lines[0].contains(part), "{format}: no {part} in {said:?}");
            }
            if format == "json" {
                serde_json::from_str::<serde_json::Value>(lines[0]).expect("JSON");
            }
        }
    }
}
