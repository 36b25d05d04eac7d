//! Two runs as one SVG file: how long each order took, and what became of it.

use std::time::Duration;

use crate::history::History;
use crate::load::Visit;
use crate::plan::Plan;
use crate::shared::chart::{HEIGHT, LEFT, RIGHT, Scale, across, axes, band};
use crate::shared::svg::{card, cross, crosses, diamond, diamonds, dot, dots, draw, text};

/// The upper edges of the two panels.
const TOPS: [f64; 2] = [112.0, 360.0];
const FLOOR: f64 = TOPS[1] + HEIGHT;

const ONCE: &str = "#2f6f9f";
const DOUBLE: &str = "#c4122f";
const LOST: &str = "#7a1fa2";
const OUTAGE: &str = "#f6dfae";

/// One run, as the picture needs it.
pub(crate) struct Panel<'a> {
    pub(crate) mode: &'static str,
    /// What became of the orders, in words.
    pub(crate) counts: String,
    pub(crate) visits: &'a [Visit],
    pub(crate) history: &'a History,
}

/// Draws the runs above each other: across when an order arrived, upwards how long it took.
pub(crate) fn svg(title: &str, plan: Plan, panels: &[Panel; 2]) -> String {
    let visits = panels.iter().flat_map(|panel| panel.visits);
    let scale = Scale::over(visits.map(|visit| (visit.arrived, visit.took)));
    let [above, below] = panels.each_ref().map(|panel| format!("{}: {}.", panel.mode, panel.counts));
    let about = format!(
        "Across: when each order arrived. Upwards, logarithmic: the time from its first submission to its receipt. \
         {above} {below}"
    );
    let mut svg = card(FLOOR + 54.0, title, &about);
    legend(&mut svg);
    for (panel, top) in panels.iter().zip(TOPS) {
        outages(&mut svg, plan, &scale, top);
        axes(&mut svg, &scale, top, "until the receipt");
        orders(&mut svg, panel, &scale, top);
        text(&mut svg, (LEFT, top - 12.0), "font-weight='bold'", panel.mode);
        text(&mut svg, (LEFT + 110.0, top - 12.0), "", &panel.counts);
    }
    across(&mut svg, FLOOR, "the order arrives, seconds since the start");
    svg + "</svg>\n"
}

fn legend(svg: &mut String) {
    let y = 60.0;
    dots(svg, &dot(26.0, y - 4.0), ONCE);
    text(svg, (36.0, y), "", "charged once");
    crosses(svg, &cross(148.0, y - 4.0), DOUBLE);
    text(svg, (160.0, y), "", "charged twice or more");
    diamonds(svg, &diamond(332.0, y - 4.0), LOST);
    text(svg, (344.0, y), "", "never charged");
    draw(svg, format_args!("<rect x='458' y='{}' width='16' height='14' fill='{OUTAGE}'/>", y - 11.0));
    text(svg, (482.0, y), "", "the gateway is down");
}

fn outages(svg: &mut String, plan: Plan, scale: &Scale, top: f64) {
    let mut from = Duration::ZERO;
    while let Some(outage) = plan.outage(from).filter(|next| scale.x(next.start) < RIGHT) {
        band(svg, scale, &outage, (top, HEIGHT), OUTAGE);
        from = outage.end;
    }
}

/// Those that went wrong are drawn last, over all others, and differ in shape too.
fn orders(svg: &mut String, panel: &Panel, scale: &Scale, top: f64) {
    let [mut once, mut double, mut lost] = [const { String::new() }; 3];
    for visit in panel.visits {
        let (x, y) = (scale.x(visit.arrived), scale.y(top, visit.took));
        match panel.history.effects.get(&visit.order) {
            None => lost += &diamond(x, y),
            Some(1) => once += &dot(x, y),
            Some(_) => double += &cross(x, y),
        }
    }
    dots(svg, &once, ONCE);
    crosses(svg, &double, DOUBLE);
    diamonds(svg, &lost, LOST);
}

#[cfg(test)]
mod tests {
    use super::{Duration, History, Panel, Plan, Visit, svg};
    use crate::plan::Faults;

    fn visits(orders: u64) -> Vec<Visit> {
        let visit = |order| Visit {
            order,
            arrived: Duration::from_millis(order * 20),
            took: Duration::from_millis(order * 13),
            submissions: 1,
            has_receipt: true,
        };
        (0..orders).map(visit).collect()
    }

    #[test]
    fn each_order_is_one_mark() {
        let book = "request,0,-,Slow,charged\neffect,0,0,9\n".to_owned()
            + "request,1,-,Slow,charged\neffect,1,1,9\nrequest,1,-,Slow,charged\neffect,1,2,9\n";
        let history = History::of(&book).unwrap();
        let visits = visits(1_000);
        let panel = || Panel { mode: "Protected", counts: String::new(), visits: &visits, history: &history };
        let drawn = svg("A title", Plan { seed: 1, faults: Faults::Harsh }, &[panel(), panel()]);
        // Each of them once more in the legend.
        for (mark, times) in [("h0", 1), ("m-6,0", 1), ("l-5,-5z", 998)] {
            assert_eq!(drawn.matches(mark).count(), times * 2 + 1, "{mark}");
        }
        assert!(!drawn.contains("NaN") && !drawn.contains("inf") && drawn.len() < 100_000, "{}", drawn.len());
    }
}
