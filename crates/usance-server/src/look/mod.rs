//! How things look and what is said, whoever shows them: numbers and times, words in three languages, a chart, files. It knows
//! nothing of the service.

pub mod bar;
pub mod chart;
pub mod files;
pub mod format;
pub mod words;
