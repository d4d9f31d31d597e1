//! The soak as a picture: requests, latency, memory and files over time, and the gap of every restart, one above the other.

use crate::course::Outcome;
use crate::tally::Kind;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    BLACK, Cartesian2d, ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, LineSeries, PathElement, RGBColor, SVGBackend,
    SeriesLabelPosition, ShapeStyle, WHITE,
};
use std::path::Path;
use std::time::Duration;

const SIZE: (u32, u32) = (1_200, 1_500);
/// Stretches of the load that a line has points for.
const POINTS: u32 = 120;
const COLOURS: [RGBColor; 4] = [RGBColor(0, 90, 181), RGBColor(220, 50, 32), RGBColor(0, 130, 90), RGBColor(140, 80, 160)];

/// A line or, of single points, dots.
struct Series {
    name: &'static str,
    points: Vec<(f64, f64)>,
    is_dotted: bool,
}

fn line(name: &'static str, points: Vec<(f64, f64)>) -> Series {
    Series { name, points, is_dotted: false }
}

/// Draws it as SVG.
///
/// # Errors
/// When the file cannot be written.
pub fn draw(path: &Path, outcome: &Outcome) -> anyhow::Result<()> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let minutes = outcome.load.as_secs_f64() / 60.0;
    for (area, (title, series)) in root.split_evenly((5, 1)).iter().zip(panels(outcome)) {
        panel(area, title, minutes, &series)?;
    }
    root.present()?;
    Ok(())
}

fn panels(outcome: &Outcome) -> [(&'static str, Vec<Series>); 5] {
    let step = outcome.load / POINTS;
    let over = |of: &dyn Fn(Duration, Duration) -> f64| -> Vec<(f64, f64)> {
        (0..POINTS).map(|at| (f64::from(at) * step.as_secs_f64() / 60.0, of(step * at, step * (at + 1)))).collect()
    };
    let rate =
        |about: fn(Kind) -> bool| over(&|from, until| outcome.tally.spread(from, until, about).count as f64 / step.as_secs_f64().max(1e-9));
    let late = |about: fn(Kind) -> bool, of: fn(crate::tally::Spread) -> u32| {
        over(&|from, until| f64::from(of(outcome.tally.spread(from, until, about))) / 1e3)
    };
    let sampled = |of: fn(&crate::watch::Sample) -> u64, only_alive: bool| {
        let chosen = outcome.samples.iter().filter(move |sample| !only_alive || sample.life > 0);
        chosen.map(|sample| (sample.at / 60.0, of(sample) as f64 / f64::from(1 << 20))).collect::<Vec<_>>()
    };
    let gaps = outcome.restarts.iter().map(|restart| (restart.at.as_secs_f64() / 60.0, restart.gap.as_secs_f64())).collect();
    [
        ("requests a second", vec![line("writes", rate(Kind::is_write)), line("reads", rate(Kind::is_read))]),
        (
            "latency in ms, without restarts",
            vec![
                line("writes, p50", late(Kind::is_write, |spread| spread.p50)),
                line("writes, p99", late(Kind::is_write, |spread| spread.p99)),
                line("reads, p50", late(Kind::is_read, |spread| spread.p50)),
                line("reads, p99", late(Kind::is_read, |spread| spread.p99)),
            ],
        ),
        (
            "memory of the process in MiB",
            vec![line("all", sampled(|sample| sample.resident, true)), line("its own", sampled(|sample| sample.own, true))],
        ),
        (
            "files in MiB",
            vec![
                line("log", sampled(|sample| sample.files.log, false)),
                line("read tables", sampled(|sample| sample.files.read, false)),
                line("both write-ahead logs", sampled(|sample| sample.files.write_ahead(), false)),
                line("snapshots", sampled(|sample| sample.files.snapshots, false)),
            ],
        ),
        ("gap of a restart in s, from the signal to ready", vec![Series { name: "restart", points: gaps, is_dotted: true }]),
    ]
}

type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn panel(area: &Area<'_>, title: &str, minutes: f64, series: &[Series]) -> anyhow::Result<()> {
    let most = series.iter().flat_map(|series| &series.points).map(|(_, value)| *value).fold(0.0, f64::max).max(1e-3);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(8)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..minutes, 0.0..most * 1.08)?;
    chart.configure_mesh().light_line_style(WHITE).x_desc("minutes").draw()?;
    for (series, colour) in series.iter().zip(COLOURS) {
        one(&mut chart, series, colour)?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    Ok(())
}

type Chart<'a, 'b> = plotters::prelude::ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

fn one(chart: &mut Chart<'_, '_>, series: &Series, colour: RGBColor) -> anyhow::Result<()> {
    let drawn = if series.is_dotted {
        chart.draw_series(series.points.iter().map(|point| Circle::new(*point, 3, ShapeStyle::from(colour).filled())))?
    } else {
        chart.draw_series(LineSeries::new(series.points.iter().copied(), colour))?
    };
    drawn.label(series.name).legend(move |(x, y)| PathElement::new(vec![(x, y), (x + 16, y)], colour));
    Ok(())
}
