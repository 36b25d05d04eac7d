//! Two runs as one SVG file: how long each order took, and what became of it.

use std::fmt::Write;
use std::time::Duration;

use crate::history::History;
use crate::load::Visit;
use crate::plan::Plan;

const LEFT: f64 = 90.0;
const RIGHT: f64 = 880.0;
const HEIGHT: f64 = 190.0;
/// The upper edges of the two panels.
const TOPS: [f64; 2] = [112.0, 360.0];
const FLOOR: f64 = TOPS[1] + HEIGHT;

const INK: &str = "#1f2328";
const FAINT: &str = "#59636e";
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
    let scale = Scale::over(panels);
    let [above, below] = panels.each_ref().map(|panel| format!("{}: {}.", panel.mode, panel.counts));
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 900 {0}' width='900' height='{0}' role='img' \
         aria-labelledby='title desc' font-family='sans-serif' font-size='13' fill='{INK}'>\n\
         <title id='title'>{title}</title>\n\
         <desc id='desc'>Across: when each order arrived. Upwards, logarithmic: the time from its first submission \
         to its receipt. {above} {below}</desc>\n\
         <rect x='.5' y='.5' width='899' height='{1}' rx='6' fill='#fff' stroke='#d1d9e0'/>\n",
        FLOOR + 54.0,
        FLOOR + 53.0,
    );
    text(&mut svg, (20.0, 32.0), "font-size='17' font-weight='bold'", title);
    legend(&mut svg);
    for (panel, top) in panels.iter().zip(TOPS) {
        outages(&mut svg, plan, &scale, top);
        axes(&mut svg, &scale, top);
        orders(&mut svg, panel, &scale, top);
        text(&mut svg, (LEFT, top - 12.0), "font-weight='bold'", panel.mode);
        text(&mut svg, (LEFT + 110.0, top - 12.0), "", &panel.counts);
    }
    let middle = f64::midpoint(LEFT, RIGHT);
    text(
        &mut svg,
        (middle, FLOOR + 40.0),
        "text-anchor='middle'",
        "the order arrives, seconds since the start",
    );
    svg + "</svg>\n"
}

/// From values to places.
struct Scale {
    seconds: f64,
    /// Milliseconds at the lower and at the upper edge.
    low: f64,
    high: f64,
}

impl Scale {
    /// Wide enough for both panels, and for the marks at 10 ms and 1 s.
    fn over(panels: &[Panel; 2]) -> Self {
        let mut scale = Self { seconds: 1.0, low: 8.0, high: 1_200.0 };
        for visit in panels.iter().flat_map(|panel| panel.visits) {
            scale.seconds = scale.seconds.max(visit.arrived.as_secs_f64() * 1.01);
            scale.low = scale.low.min(millis(visit.took) * 0.8);
            scale.high = scale.high.max(millis(visit.took) * 1.25);
        }
        scale
    }

    fn x(&self, time: Duration) -> f64 {
        LEFT + (RIGHT - LEFT) * (time.as_secs_f64() / self.seconds).min(1.0)
    }

    fn y(&self, top: f64, millis: f64) -> f64 {
        let share = (millis / self.low).ln() / (self.high / self.low).ln();
        top + HEIGHT * (1.0 - share)
    }

    /// Seconds between two marks: at most ten marks, at round numbers.
    fn step(&self) -> u64 {
        let mut steps = (0..).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
        steps.find(|step| self.seconds <= Duration::from_secs(step * 10).as_secs_f64()).unwrap_or(u64::MAX)
    }
}

/// Never zero, which has no logarithm.
fn millis(time: Duration) -> f64 {
    time.as_secs_f64().max(1e-6) * 1e3
}

fn legend(svg: &mut String) {
    let y = 60.0;
    dots(svg, &dot(26.0, y - 4.0));
    text(svg, (36.0, y), "", "charged once");
    crosses(svg, &cross(148.0, y - 4.0));
    text(svg, (160.0, y), "", "charged twice or more");
    diamonds(svg, &diamond(332.0, y - 4.0));
    text(svg, (344.0, y), "", "never charged");
    draw(svg, format_args!("<rect x='458' y='{}' width='16' height='14' fill='{OUTAGE}'/>", y - 11.0));
    text(svg, (482.0, y), "", "the gateway is down");
}

fn outages(svg: &mut String, plan: Plan, scale: &Scale, top: f64) {
    let mut from = Duration::ZERO;
    while let Some(outage) = plan.outage(from).filter(|next| next.start.as_secs_f64() < scale.seconds) {
        let (x, end) = (scale.x(outage.start), scale.x(outage.end));
        let width = end - x;
        draw(
            svg,
            format_args!("<rect x='{x:.1}' y='{top}' width='{width:.1}' height='{HEIGHT}' fill='{OUTAGE}'/>"),
        );
        from = outage.end;
    }
}

fn axes(svg: &mut String, scale: &Scale, top: f64) {
    let bottom = top + HEIGHT;
    for (millis, name) in
        [(1.0, "1 ms"), (10.0, "10 ms"), (100.0, "100 ms"), (1e3, "1 s"), (1e4, "10 s"), (1e5, "100 s")]
    {
        if (scale.low..=scale.high).contains(&millis) {
            let y = scale.y(top, millis);
            draw(
                svg,
                format_args!("<path d='M{LEFT},{y:.1}H{RIGHT}' stroke='#1f2328' stroke-opacity='.15'/>"),
            );
            text(svg, (LEFT - 8.0, y + 4.0), &format!("text-anchor='end' fill='{FAINT}'"), name);
        }
    }
    let step = scale.step();
    for second in (0..).step_by(usize::try_from(step).unwrap_or(usize::MAX)).map(Duration::from_secs) {
        if second.as_secs_f64() > scale.seconds {
            break;
        }
        let x = scale.x(second);
        draw(svg, format_args!("<path d='M{x:.1},{bottom}v5' stroke='{FAINT}'/>"));
        let style = format!("text-anchor='middle' fill='{FAINT}'");
        text(svg, (x, bottom + 19.0), &style, &second.as_secs().to_string());
    }
    draw(svg, format_args!("<path d='M{LEFT},{top}V{bottom}H{RIGHT}' fill='none' stroke='{FAINT}'/>"));
    let middle = top + HEIGHT / 2.0;
    let style = format!("text-anchor='middle' transform='rotate(-90 22 {middle})'");
    text(svg, (22.0, middle), &style, "until the receipt");
}

/// Those that went wrong are drawn last, over all others, and differ in shape too.
fn orders(svg: &mut String, panel: &Panel, scale: &Scale, top: f64) {
    let [mut once, mut double, mut lost] = [const { String::new() }; 3];
    for visit in panel.visits {
        let (x, y) = (scale.x(visit.arrived), scale.y(top, millis(visit.took)));
        match panel.history.effects.get(&visit.order) {
            None => lost += &diamond(x, y),
            Some(1) => once += &dot(x, y),
            Some(_) => double += &cross(x, y),
        }
    }
    dots(svg, &once);
    crosses(svg, &double);
    diamonds(svg, &lost);
}

/// A line of no length, whose round ends make a dot: the shortest way to write one.
fn dot(x: f64, y: f64) -> String {
    format!("M{x:.1},{y:.1}h0")
}

fn cross(x: f64, y: f64) -> String {
    format!("M{:.1},{:.1}l6,6m-6,0l6,-6", x - 3.0, y - 3.0)
}

fn diamond(x: f64, y: f64) -> String {
    format!("M{x:.1},{:.1}l5,5l-5,5l-5,-5z", y - 5.0)
}

fn dots(svg: &mut String, path: &str) {
    marks(
        svg,
        path,
        &format!("stroke='{ONCE}' stroke-width='4' stroke-linecap='round' stroke-opacity='.65'"),
    );
}

fn crosses(svg: &mut String, path: &str) {
    marks(svg, path, &format!("stroke='{DOUBLE}' stroke-width='2' fill='none'"));
}

fn diamonds(svg: &mut String, path: &str) {
    marks(svg, path, &format!("fill='{LOST}'"));
}

fn marks(svg: &mut String, path: &str, style: &str) {
    if !path.is_empty() {
        draw(svg, format_args!("<path d='{path}' {style}/>"));
    }
}

fn text(svg: &mut String, (x, y): (f64, f64), style: &str, text: &str) {
    draw(svg, format_args!("<text x='{x:.1}' y='{y:.1}' {style}>{text}</text>"));
}

fn draw(svg: &mut String, element: std::fmt::Arguments) {
    writeln!(svg, "{element}").expect("a string takes it");
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
