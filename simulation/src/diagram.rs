//! A run drawn as a space-time diagram: a line for each device, time going down, frames as arrows.

use std::fmt::Write;

use crate::clock::{MILLISECOND, Time};
use crate::network::Who;
use crate::trace::{Kind, Mark};
use crate::world::World;

const COLUMN: u64 = 260;
const LEFT: u64 = 150;
const TOP: u64 = 50;

/// The longest diagram, in pixels. A longer window is drawn more densely.
const MOST_PIXELS: u64 = 30_000;

const STYLE: &str = "body{font:13px system-ui,sans-serif;margin:20px;background:#fff;color:#222}\
svg text{font:12px system-ui,sans-serif;fill:#222}.life{stroke:#bbb}.Segments{stroke:#1466b8}\
.Saved,.Position{stroke:#5a9a54}.Open,.Changed,.Want{stroke:#9a6fb0}.frame{stroke-width:1.3;opacity:.75}\
.other{stroke:#888}.lost{stroke:#c22;stroke-dasharray:4 3}.frame:hover{stroke-width:4;opacity:1}\
.Crash{fill:#c22}.Start{fill:#2a8}.App{fill:#f29c11}.Disk{fill:#8aa}.Link{fill:#55d}.Notice{fill:#a3a}\
.time{fill:#999}.key span{margin-right:1.2em}";

/// A self-contained page that shows what happened between two times of the world, with titles to hover.
pub fn page(world: &World, title: &str, window: (Time, Time)) -> String {
    let marks = world.trace.marks.as_deref().unwrap_or_default();
    let drawing = Drawing::of(window);
    let mut svg = String::new();
    for (who, device) in world.devices.iter().enumerate() {
        let x = column(who);
        line(&mut svg, "life", (x, TOP), (x, drawing.bottom()), "");
        // Writing to a string can't fail.
        _ = write!(
            svg,
            "<text x='{x}' y='30' text-anchor='middle'>{}</text>",
            escape(&device.name)
        );
    }
    drawing.draw_times(&mut svg);
    marks.iter().for_each(|mark| drawing.draw_mark(mark, &mut svg));
    let (width, height) = (column(world.devices.len()), drawing.bottom() + 40);
    let key = "<p class='key'><span>blue: entries</span><span>green: positions and what is saved</span>\
        <span>purple: catching up</span><span>red, dashed: lost</span>\
        <span>orange dot: the app</span><span>grey dot: the disk</span><span>red square: a crash</span></p>";
    format!(
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>{0}</title><style>{STYLE}</style>\
         <h1>{0}</h1>{key}<svg width='{width}' height='{height}'>{svg}</svg></html>\n",
        escape(title)
    )
}

/// Where times are on the page.
struct Drawing {
    from: Time,
    upto: Time,
    /// How much time a pixel is.
    pixel: Time,
}

impl Drawing {
    fn of((from, upto): (Time, Time)) -> Self {
        let upto = upto.max(from + 1);
        let pixel = ((upto - from) / MOST_PIXELS).max(MILLISECOND / 4);
        Self { from, upto, pixel }
    }

    fn shows(&self, at: Time) -> bool {
        (self.from..=self.upto).contains(&at)
    }

    fn y(&self, at: Time) -> u64 {
        TOP + (at.clamp(self.from, self.upto) - self.from) / self.pixel
    }

    fn bottom(&self) -> u64 {
        self.y(self.upto)
    }

    fn draw_times(&self, svg: &mut String) {
        let step = self.pixel * 100;
        let mut at = self.from;
        while at <= self.upto {
            let (y, time) = (self.y(at), at / MILLISECOND);
            _ = write!(svg, "<text class='time' x='8' y='{y}'>{time} ms</text>");
            at += step;
        }
    }

    fn draw_mark(&self, mark: &Mark, svg: &mut String) {
        match mark {
            Mark::Frame { between, sent, arrives, what, bytes } if self.shows(*sent) => {
                self.draw_frame(*between, (*sent, *arrives), (what, *bytes), svg);
            }
            Mark::Point { at, who, kind, note } if self.shows(*at) => {
                self.draw_point((*at, *who), *kind, note, svg);
            }
            Mark::Frame { .. } | Mark::Point { .. } => {}
        }
    }

    fn draw_frame(
        &self,
        (from, to): (Who, Who),
        (sent, arrives): (Time, Option<Time>),
        (what, bytes): (&str, usize),
        svg: &mut String,
    ) {
        let (start, end) = (column(from), column(to));
        let time = sent / MILLISECOND;
        let title = format!("{what}, {bytes} bytes, sent at {time} ms");
        let kind = match what {
            "Segments" | "Saved" | "Position" | "Open" | "Changed" | "Want" => what,
            _ => "other",
        };
        match arrives {
            Some(at) => {
                let class = format!("frame {kind}");
                line(svg, &class, (start, self.y(sent)), (end, self.y(at)), &title);
            }
            None => {
                let (half, down) = ((start + end) / 2, self.y(sent) + 12);
                let title = format!("{title}, lost");
                line(svg, "frame lost", (start, self.y(sent)), (half, down), &title);
                _ = write!(svg, "<text x='{half}' y='{down}' text-anchor='middle'>✕</text>");
            }
        }
    }

    fn draw_point(&self, (at, who): (Time, Who), kind: Kind, note: &str, svg: &mut String) {
        let (x, y) = (column(who), self.y(at));
        let title = format!("{} ms: {note}", at / MILLISECOND);
        let title = escape(&title);
        _ = match kind {
            Kind::Crash | Kind::Start => {
                let (left, up) = (x - 7, y.saturating_sub(7));
                let shape = format!("x='{left}' y='{up}' width='14' height='14'");
                write!(svg, "<rect class='{kind:?}' {shape}><title>{title}</title></rect>")
            }
            _ => {
                let shape = format!("cx='{x}' cy='{y}' r='4'");
                write!(svg, "<circle class='{kind:?}' {shape}><title>{title}</title></circle>")
            }
        };
    }
}

fn column(who: Who) -> u64 {
    LEFT + who as u64 * COLUMN
}

fn line(svg: &mut String, class: &str, from: (u64, u64), to: (u64, u64), title: &str) {
    let ((x1, y1), (x2, y2)) = (from, to);
    let title = escape(title);
    _ = write!(
        svg,
        "<line class='{class}' x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}'><title>{title}</title></line>"
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
