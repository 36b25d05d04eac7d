//! Both runs as one SVG file: how long each page took, what became of it, and which parts were degraded when.

use std::time::Duration;

use crate::report::Report;
use crate::run::Finished;
use crate::shared::chart::{HEIGHT, LEFT, RIGHT, Scale, across, axes, band, seconds};
use crate::shared::percentile::in_words;
use crate::shared::svg::{FAINT, card, cross, crosses, diamond, diamonds, dot, dots, draw, text};
use crate::trouble::{Phase, Plan};
use crate::visitors::{Outcome, PER_SECOND, Visit};

/// The upper edges of the two panels, and of the rows below them.
const TOPS: [f64; 2] = [112.0, 358.0];
const ROWS: f64 = TOPS[1] + HEIGHT + 62.0;
const ROW: f64 = 30.0;
const FLOOR: f64 = ROWS + 3.0 * ROW;

const WHOLE: &str = "#2f6f9f";
const DEGRADED: &str = "#c77700";
const GIVEN_UP: &str = "#7a1fa2";
const FAILED: &str = "#c4122f";
const TROUBLE: &str = "#f1ead9";

/// Draws the runs above each other, and the parts that were degraded in the first of them.
pub(crate) fn svg(plan: Plan, runs: [&Finished; 2]) -> String {
    let visits = runs.iter().flat_map(|run| &run.visits);
    let scale = Scale::over(visits.map(|visit| (visit.arrived, visit.took)));
    let title = format!("{PER_SECOND} pages a second of six parts, three of which fail in turn");
    let [above, below] = runs.map(|run| format!("{}: {}.", run.mode.name(), counts(&run.report)));
    let about = format!(
        "Across: when each visitor arrived. Upwards, logarithmic: the time to the page. {above} {below} Below: when \
         a part of a protected page was degraded."
    );
    let mut svg = card(FLOOR + 54.0, &title, &about);
    legend(&mut svg);
    for (run, top) in runs.into_iter().zip(TOPS) {
        phases(&mut svg, plan, &scale, (top, HEIGHT));
        axes(&mut svg, &scale, top, "until the page");
        pages(&mut svg, &run.visits, &scale, top);
        text(&mut svg, (LEFT, top - 12.0), "font-weight='bold'", run.mode.name());
        text(&mut svg, (LEFT + 110.0, top - 12.0), "", &counts(&run.report));
    }
    for phase in plan.phases() {
        let middle = scale.x((phase.time.start + phase.time.end) / 2);
        let words = format!("{}: {}", phase.dependency, phase.trouble.in_words());
        let style = format!("text-anchor='middle' font-size='11' fill='{FAINT}'");
        text(&mut svg, (middle, TOPS[0] + 14.0), &style, &words);
    }
    parts(&mut svg, plan, runs[0], &scale);
    seconds(&mut svg, &scale, FLOOR);
    across(&mut svg, FLOOR, "the visitor arrives, seconds since the start");
    svg + "</svg>\n"
}

fn counts(report: &Report) -> String {
    let [p50, p99, p99_9] = [report.p50_ms, report.p99_ms, report.p99_9_ms].map(in_words);
    format!(
        "p50 {p50}, p99 {p99}, p99.9 {p99_9}; {} error pages, {} given up, {} degraded",
        report.errors, report.given_up, report.degraded
    )
}

fn legend(svg: &mut String) {
    let y = 60.0;
    dots(svg, &dot(26.0, y - 4.0), WHOLE);
    text(svg, (36.0, y), "", "a whole page");
    dots(svg, &dot(148.0, y - 4.0), DEGRADED);
    text(svg, (158.0, y), "", "a degraded page");
    crosses(svg, &cross(290.0, y - 4.0), FAILED);
    text(svg, (302.0, y), "", "an error page");
    diamonds(svg, &diamond(418.0, y - 4.0), GIVEN_UP);
    text(svg, (430.0, y), "", "the visitor has left (3 s)");
    draw(svg, format_args!("<rect x='610' y='{}' width='16' height='14' fill='{TROUBLE}'/>", y - 11.0));
    text(svg, (634.0, y), "", "a dependency misbehaves");
}

fn phases(svg: &mut String, plan: Plan, scale: &Scale, place: (f64, f64)) {
    for Phase { time, .. } in plan.phases() {
        band(svg, scale, &time, place, TROUBLE);
    }
}

/// Those that went wrong are drawn last, over all others, and differ in shape too.
fn pages(svg: &mut String, visits: &[Visit], scale: &Scale, top: f64) {
    let [mut whole, mut degraded, mut given_up, mut failed] = [const { String::new() }; 4];
    for visit in visits {
        let (x, y) = (scale.x(visit.arrived), scale.y(top, visit.took));
        match visit.outcome() {
            Outcome::Whole => whole += &dot(x, y),
            Outcome::Degraded => degraded += &dot(x, y),
            Outcome::GivenUp => given_up += &diamond(x, y),
            Outcome::Failed => failed += &cross(x, y),
        }
    }
    dots(svg, &whole, WHOLE);
    dots(svg, &degraded, DEGRADED);
    diamonds(svg, &given_up, GIVEN_UP);
    crosses(svg, &failed, FAILED);
}

/// A row for each part that can be degraded, with a line for each answer that was.
fn parts(svg: &mut String, plan: Plan, run: &Finished, scale: &Scale) {
    text(svg, (LEFT, ROWS - 12.0), "font-weight='bold'", "degraded parts of the protected pages");
    for (Phase { dependency, time, .. }, place) in plan.phases().into_iter().zip(0_u8..) {
        let top = ROWS + ROW * f64::from(place);
        band(svg, scale, &time, (top, ROW), TROUBLE);
        let degraded = run.decisions.iter().filter(|decision| decision.is("degraded"));
        let mut lines = String::new();
        for decision in degraded.filter(|decision| decision.part == dependency) {
            lines += &line(scale, decision.at - run.start, top);
        }
        if !lines.is_empty() {
            draw(svg, format_args!("<path d='{lines}' stroke='{DEGRADED}' stroke-opacity='.6'/>"));
        }
        let style = format!("text-anchor='end' fill='{FAINT}' font-size='11'");
        text(svg, (LEFT - 6.0, top + 19.0), &style, dependency);
        draw(svg, format_args!("<path d='M{LEFT},{}H{RIGHT}' stroke='{FAINT}'/>", top + ROW));
    }
}

fn line(scale: &Scale, at: Duration, top: f64) -> String {
    format!("M{:.1},{:.1}v{}", scale.x(at), top + 5.0, ROW - 10.0)
}
