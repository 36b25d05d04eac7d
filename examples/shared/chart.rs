//! A chart of times: across when something began, upwards, logarithmic, how long it took.

use std::ops::Range;
use std::time::Duration;

use crate::shared::svg::{FAINT, draw, text};

pub(crate) const LEFT: f64 = 90.0;
pub(crate) const RIGHT: f64 = 880.0;
pub(crate) const HEIGHT: f64 = 190.0;

/// From values to places.
pub(crate) struct Scale {
    seconds: f64,
    /// Milliseconds at the lower and at the upper edge.
    low: f64,
    high: f64,
}

impl Scale {
    /// Wide enough for all of these (began, took), and for the marks at 10 ms and 1 s.
    pub(crate) fn over(all: impl Iterator<Item = (Duration, Duration)>) -> Self {
        let mut scale = Self { seconds: 1.0, low: 8.0, high: 1_200.0 };
        for (began, took) in all {
            scale.seconds = scale.seconds.max(began.as_secs_f64() * 1.01);
            scale.low = scale.low.min(millis(took) * 0.8);
            scale.high = scale.high.max(millis(took) * 1.25);
        }
        scale
    }

    pub(crate) fn x(&self, time: Duration) -> f64 {
        LEFT + (RIGHT - LEFT) * (time.as_secs_f64() / self.seconds).min(1.0)
    }

    pub(crate) fn y(&self, top: f64, took: Duration) -> f64 {
        let share = (millis(took) / self.low).ln() / (self.high / self.low).ln();
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

/// A stretch of time, from the `top` of a panel down.
pub(crate) fn band(
    svg: &mut String,
    scale: &Scale,
    time: &Range<Duration>,
    (top, height): (f64, f64),
    colour: &str,
) {
    let x = scale.x(time.start);
    let width = scale.x(time.end) - x;
    draw(
        svg,
        format_args!("<rect x='{x:.1}' y='{top}' width='{width:.1}' height='{height}' fill='{colour}'/>"),
    );
}

pub(crate) fn axes(svg: &mut String, scale: &Scale, top: f64, upwards: &str) {
    for (millis, name) in
        [(1, "1 ms"), (10, "10 ms"), (100, "100 ms"), (1_000, "1 s"), (10_000, "10 s"), (100_000, "100 s")]
    {
        let took = Duration::from_millis(millis);
        let y = scale.y(top, took);
        if (top..=top + HEIGHT).contains(&y) {
            draw(
                svg,
                format_args!("<path d='M{LEFT},{y:.1}H{RIGHT}' stroke='#1f2328' stroke-opacity='.15'/>"),
            );
            text(svg, (LEFT - 8.0, y + 4.0), &format!("text-anchor='end' fill='{FAINT}'"), name);
        }
    }
    seconds(svg, scale, top + HEIGHT);
    let bottom = top + HEIGHT;
    draw(svg, format_args!("<path d='M{LEFT},{top}V{bottom}H{RIGHT}' fill='none' stroke='{FAINT}'/>"));
    let middle = top + HEIGHT / 2.0;
    let style = format!("text-anchor='middle' transform='rotate(-90 22 {middle})'");
    text(svg, (22.0, middle), &style, upwards);
}

/// The marks below a panel that ends here.
pub(crate) fn seconds(svg: &mut String, scale: &Scale, bottom: f64) {
    let step = usize::try_from(scale.step()).unwrap_or(usize::MAX);
    let marks = (0..).step_by(step).map(Duration::from_secs);
    for second in marks.take_while(|second| second.as_secs_f64() <= scale.seconds) {
        let x = scale.x(second);
        draw(svg, format_args!("<path d='M{x:.1},{bottom}v5' stroke='{FAINT}'/>"));
        let style = format!("text-anchor='middle' fill='{FAINT}'");
        text(svg, (x, bottom + 19.0), &style, &second.as_secs().to_string());
    }
}

/// What is across, in words, below the marks of a panel that ends here.
pub(crate) fn across(svg: &mut String, bottom: f64, words: &str) {
    text(svg, (f64::midpoint(LEFT, RIGHT), bottom + 40.0), "text-anchor='middle'", words);
}
