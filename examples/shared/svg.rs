//! The pieces of an SVG file.

use std::fmt::{Arguments, Write};

pub(crate) const INK: &str = "#1f2328";
pub(crate) const FAINT: &str = "#59636e";

pub(crate) const WIDTH: f64 = 900.0;

/// A white card with a title, which is legible on any ground. `about` says in words what it shows.
pub(crate) fn card(height: f64, title: &str, about: &str) -> String {
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' \
         role='img' aria-labelledby='title desc' font-family='sans-serif' font-size='13' fill='{INK}'>\n\
         <title id='title'>{title}</title>\n\
         <desc id='desc'>{about}</desc>\n\
         <rect x='.5' y='.5' width='{}' height='{}' rx='6' fill='#fff' stroke='#d1d9e0'/>\n",
        WIDTH - 1.0,
        height - 1.0,
    );
    text(&mut svg, (20.0, 32.0), "font-size='17' font-weight='bold'", title);
    svg
}

/// A line of no length, whose round ends make a dot: the shortest way to write one.
pub(crate) fn dot(x: f64, y: f64) -> String {
    format!("M{x:.1},{y:.1}h0")
}

pub(crate) fn cross(x: f64, y: f64) -> String {
    format!("M{:.1},{:.1}l6,6m-6,0l6,-6", x - 3.0, y - 3.0)
}

pub(crate) fn diamond(x: f64, y: f64) -> String {
    format!("M{x:.1},{:.1}l5,5l-5,5l-5,-5z", y - 5.0)
}

pub(crate) fn dots(svg: &mut String, path: &str, colour: &str) {
    marks(
        svg,
        path,
        &format!("stroke='{colour}' stroke-width='4' stroke-linecap='round' stroke-opacity='.65'"),
    );
}

pub(crate) fn crosses(svg: &mut String, path: &str, colour: &str) {
    marks(svg, path, &format!("stroke='{colour}' stroke-width='2' fill='none'"));
}

pub(crate) fn diamonds(svg: &mut String, path: &str, colour: &str) {
    marks(svg, path, &format!("fill='{colour}'"));
}

fn marks(svg: &mut String, path: &str, style: &str) {
    if !path.is_empty() {
        draw(svg, format_args!("<path d='{path}' {style}/>"));
    }
}

pub(crate) fn text(svg: &mut String, (x, y): (f64, f64), style: &str, text: &str) {
    draw(svg, format_args!("<text x='{x:.1}' y='{y:.1}' {style}>{text}</text>"));
}

pub(crate) fn draw(svg: &mut String, element: Arguments) {
    writeln!(svg, "{element}").expect("a string takes it");
}
