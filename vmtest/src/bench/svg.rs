//! Charts as inline SVG: bars per kernel, and curves. Text and colours are those of the page, so that both follow light and dark.

use std::fmt::Write as _;

/// A value of a chart; none where nothing was measured.
pub type Value = Option<f64>;

/// A bar's group: what it is called, a value per series, and what it should not exceed, per series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Group {
    /// Under the bars.
    pub name: String,
    /// One per series.
    pub values: Vec<Value>,
    /// A mark over each bar.
    pub ceilings: Vec<Value>,
}

/// A line of a chart of curves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curve {
    /// In the legend.
    pub name: String,
    /// From left to right.
    pub points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
const ROW: f64 = 16.0;
const LEFT: f64 = 230.0;
const RIGHT: f64 = 90.0;
const CURVE_HEIGHT: f64 = 300.0;
/// Colours of series, by class; the page defines them.
const COLOURS: usize = 6;

/// Bars from left to right, a block of rows per group, so that long names have room on a narrow screen as well.
#[must_use]
pub fn bars(title: &str, series: &[&str], groups: &[Group]) -> String {
    let most = groups
        .iter()
        .flat_map(|group| group.values.iter().chain(&group.ceilings))
        .flatten()
        .fold(1.0_f64, |most, value| most.max(*value));
    let scale = |value: f64| value.max(0.0) / most * (WIDTH - LEFT - RIGHT);
    let block = |group: &Group| group.values.len().max(1) as f64 * ROW + 10.0;
    let height = groups.iter().map(block).sum::<f64>() + 10.0;
    let mut svg = open(title, height);
    let mut top = 5.0;
    for group in groups {
        let middle = top + (block(group) - 10.0) / 2.0 + 4.0;
        _ = write!(
            svg,
            r#"<text x="{}" y="{middle:.1}" text-anchor="end">{}</text>"#,
            LEFT - 8.0,
            escape(&group.name)
        );
        for (number, value) in group.values.iter().enumerate() {
            let y = top + number as f64 * ROW;
            let name = series.get(number).copied().unwrap_or_default();
            let Some(value) = value else {
                _ = write!(
                    svg,
                    r#"<text class="faint" x="{LEFT}" y="{:.1}">{}: not measured</text>"#,
                    y + 12.0,
                    escape(name)
                );
                continue;
            };
            let width = scale(*value);
            let colour = number % COLOURS;
            _ = write!(
                svg,
                r#"<rect class="s{colour}" x="{LEFT}" y="{y:.1}" width="{width:.1}" height="{}"><title>{}, {}: {value:+}</title></rect>"#,
                ROW - 3.0,
                escape(&group.name),
                escape(name)
            );
            _ = write!(svg, r#"<text x="{:.1}" y="{:.1}">{value:+}</text>"#, LEFT + width + 5.0, y + 11.0);
            if let Some(Some(ceiling)) = group.ceilings.get(number) {
                let x = LEFT + scale(*ceiling);
                _ = write!(
                    svg,
                    r#"<line class="ceiling" x1="{x:.1}" x2="{x:.1}" y1="{:.1}" y2="{:.1}"><title>at most {ceiling}</title></line>"#,
                    y - 2.0,
                    y + ROW - 1.0
                );
            }
        }
        top += block(group);
    }
    svg + "</svg>\n"
}

/// Curves over a logarithmic axis: what is counted grows from one to thousands.
#[must_use]
pub fn curves(title: &str, axis: &str, curves: &[Curve]) -> String {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let right = points().fold(1.0_f64, |most, (x, _)| most.max(*x)).max(2.0);
    let top = points().fold(1.0_f64, |most, (_, y)| most.max(*y)) * 1.1;
    let (left, bottom) = (60.0, CURVE_HEIGHT - 40.0);
    let place_x = |x: f64| left + x.max(1.0).ln() / right.ln() * (WIDTH - left - 30.0);
    let place_y = |y: f64| bottom - y.max(0.0) / top * (bottom - 20.0);
    let mut svg = open(title, CURVE_HEIGHT + 18.0 * curves.len() as f64);
    for step in 0..=4 {
        let y = top * f64::from(step) / 4.0;
        let at = place_y(y);
        _ = write!(
            svg,
            r#"<line class="grid" x1="{left}" x2="{}" y1="{at:.1}" y2="{at:.1}"/><text x="{}" y="{:.1}" text-anchor="end">{y:.0}</text>"#,
            WIDTH - 30.0,
            left - 6.0,
            at + 4.0
        );
    }
    let mut shown: Vec<f64> = points().map(|(x, _)| *x).collect();
    shown.sort_by(f64::total_cmp);
    shown.dedup();
    for x in shown {
        let at = place_x(x);
        _ = write!(svg, r#"<text x="{at:.1}" y="{:.1}" text-anchor="middle">{x}</text>"#, bottom + 16.0);
    }
    _ = write!(
        svg,
        r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
        WIDTH / 2.0,
        bottom + 34.0,
        escape(axis)
    );
    for (number, curve) in curves.iter().enumerate() {
        let colour = number % COLOURS;
        let line: Vec<_> =
            curve.points.iter().map(|(x, y)| format!("{:.1},{:.1}", place_x(*x), place_y(*y))).collect();
        _ = write!(svg, r#"<polyline class="l{colour}" points="{}"/>"#, line.join(" "));
        for (x, y) in &curve.points {
            _ = write!(
                svg,
                r#"<circle class="s{colour}" cx="{:.1}" cy="{:.1}" r="3.5"><title>{}, {x}: {y:+}</title></circle>"#,
                place_x(*x),
                place_y(*y),
                escape(&curve.name)
            );
        }
        let y = CURVE_HEIGHT + 18.0 * number as f64 + 4.0;
        _ = write!(
            svg,
            r#"<rect class="s{colour}" x="{left}" y="{:.1}" width="12" height="12"/><text x="{}" y="{:.1}">{}</text>"#,
            y,
            left + 18.0,
            y + 10.0,
            escape(&curve.name)
        );
    }
    svg + "</svg>\n"
}

fn open(title: &str, height: f64) -> String {
    let title = escape(title);
    format!(
        r#"<svg viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-label="{title}"><title>{title}</title>"#
    )
}

/// Text as markup takes it.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_chart_and_the_others_are_in_proportion() {
        let group =
            |name: &str, value| Group { name: name.into(), values: vec![value], ceilings: vec![Some(50.0)] };
        let svg =
            bars("costs", &["6.12"], &[group("a<b", Some(100.0)), group("c", Some(50.0)), group("d", None)]);
        let full = WIDTH - LEFT - RIGHT;
        assert!(
            svg.contains(&format!(r#"width="{full:.1}""#))
                && svg.contains(&format!(r#"width="{:.1}""#, full / 2.0))
        );
        assert!(
            svg.contains("a&lt;b") && svg.contains("6.12: not measured") && svg.contains("at most 50"),
            "{svg}"
        );
    }

    #[test]
    fn a_curve_ends_at_the_right_and_names_its_points() {
        let curve =
            Curve { name: "Equal".into(), points: vec![(1.0, 10.0), (100.0, 12.0), (10_000.0, 11.0)] };
        let svg = curves("values", "values in the set", &[curve]);
        assert!(
            svg.contains("Equal, 10000: +11") && svg.contains(&format!(r#"cx="{:.1}""#, WIDTH - 30.0)),
            "{svg}"
        );
    }
}
