//! The picture: a bar for each candidate, cases one below the other.

use std::fmt::Write;

use crate::report::Row;

const WIDTH: f64 = 900.0;
const LABELS: f64 = 330.0;
const BAR: f64 = 14.0;
const LINE: f64 = 18.0;
const STYLE: &str = "text{font:12px sans-serif;fill:#24292f}.title{font-weight:bold}.small{font-size:10px}\
                     .ours{fill:#1a7f64}.other{fill:#8c959f}\
                     @media(prefers-color-scheme:dark){text{fill:#e6edf3}.ours{fill:#3fb98f}.other{fill:#6e7681}}";

/// Cases in which the body waits once, beside another task: what a service does all day; and those that have no body.
pub(crate) fn draw(rows: &[Row], about: &[(&'static str, String)]) -> String {
    let shown: Vec<_> = rows
        .iter()
        .filter(|row| row.tasks == 2 && (row.shape == "pending" || row.case.starts_with("rejection")))
        .collect();
    let (mut body, mut y) = (String::new(), 24.0);
    text(
        &mut body,
        "title",
        12.0,
        y,
        "nanoseconds added to a call that waits once, two tasks on two workers",
    );
    for case in shown.chunk_by(|one, two| one.case == two.case) {
        y += LINE * 1.6;
        text(&mut body, "title", 12.0, y, case[0].case);
        let longest = case.iter().map(|row| row.added).fold(1.0, f64::max);
        for row in case {
            y += LINE;
            let class = if row.candidate.starts_with("resilience") { "ours" } else { "other" };
            let length = (row.added.max(0.0) / longest * (WIDTH - LABELS - 180.0)).max(1.0);
            text(&mut body, "", 24.0, y, row.candidate);
            let _ = write!(
                body,
                "<rect class=\"{class}\" x=\"{LABELS}\" y=\"{}\" width=\"{length:.0}\" height=\"{BAR}\"/>",
                y - BAR + 3.0
            );
            let heap = match row.allocations.round() {
                0.0 => String::new(),
                1.0 => ", 1 allocation".to_owned(),
                many => format!(", {many} allocations"),
            };
            let label = format!("{:.0} ns{heap}", row.added);
            text(&mut body, "", LABELS + length + 6.0, y, &label);
        }
    }
    y += LINE * 1.6;
    let about: Vec<_> = about.iter().map(|(_, value)| value.as_str()).collect();
    text(&mut body, "small", 12.0, y, &about.join(" · "));
    let height = y + LINE;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\"><style>{STYLE}</style>{body}</svg>\n"
    )
}

fn text(body: &mut String, class: &str, x: f64, y: f64, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = write!(body, "<text class=\"{class}\" x=\"{x:.0}\" y=\"{y:.0}\">{words}</text>");
}
