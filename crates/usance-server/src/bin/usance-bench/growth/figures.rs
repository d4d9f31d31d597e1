//! How figures are printed.

/// One figure of a table.
pub fn line(what: &str, figures: &str) {
    println!("  {what:<44} {figures}");
}

/// Bytes as people read them.
pub fn size(bytes: f64) -> String {
    match bytes {
        bytes if bytes >= 1e12 => format!("{:.2} TB", bytes / 1e12),
        bytes if bytes >= 1e9 => format!("{:.1} GB", bytes / 1e9),
        bytes => format!("{:.0} MB", bytes / 1e6),
    }
}

/// Seconds as people read them.
pub fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds >= 5_400.0 => format!("{:.1} h", seconds / 3_600.0),
        seconds if seconds >= 90.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{seconds:.1} s"),
    }
}
