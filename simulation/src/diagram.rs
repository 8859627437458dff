//! A run drawn as a space-time diagram: a line for each device, time going down, frames as arrows.

use std::fmt::Write;

use crate::clock::{MILLISECOND, Time};
use crate::network::Who;
use crate::trace::{Kind, Mark};
use crate::world::World;

const COLUMN: u64 = 300;
const LEFT: u64 = 170;

/// The height of the names, which stay in sight while the rest is scrolled.
const NAMES: u64 = 32;

/// The longest diagram, in pixels. What takes longer is drawn more densely.
const MOST_PIXELS: u64 = 30_000;

/// A time of more pixels in which nothing happens is drawn as short as half of them.
const QUIET: u64 = 120;

/// How far labels are apart at least: one that would run into another is left to hovering.
const LABEL: u64 = 14;

/// What frames are called in the key, and the messages that count as such.
const FRAMES: [(&str, &str, &[&str]); 5] = [
    ("entries", "entries", &["Segments"]),
    ("saved", "positions and what is saved", &["Saved", "Position"]),
    ("sync", "catching up", &["Open", "Changed", "Want"]),
    ("other", "joining and the like", &[]),
    ("lost", "lost on the way", &[]),
];

/// What points are called in the key. Those of the disk and notices stand beside the line, clear of arrows.
const POINTS: [(Kind, &str); 6] = [
    (Kind::Start, "a start"),
    (Kind::Crash, "a crash"),
    (Kind::App, "the app"),
    (Kind::Link, "a connection"),
    (Kind::Disk, "the disk"),
    (Kind::Notice, "a notice"),
];

const STYLE: &str = "body{font:13px system-ui,sans-serif;margin:20px;background:#fff;color:#222}\
svg{display:block}svg text{font:11px system-ui,sans-serif;fill:#555;stroke:#fff;stroke-width:3px;paint-order:stroke}\
header{position:sticky;top:0;background:#fffe;border-bottom:1px solid #ddd}header text{font-weight:bold;fill:#222}\
.key span{display:inline-block;margin:0 1.4em .4em 0}.key svg{display:inline-block;vertical-align:middle;margin-right:.4em}\
.up{stroke:#999;stroke-width:2}.down{stroke:#ccc;stroke-dasharray:2 5}.tick{stroke:#eee}svg .quiet{fill:#aaa;font-style:italic}\
.frame,.lost{stroke-width:1.4}.frame:hover,.lost:hover{stroke-width:4}\
.entries{stroke:#1466b8;fill:#1466b8}.saved{stroke:#3d8b37;fill:#3d8b37}.sync{stroke:#8e4fae;fill:#8e4fae}\
.other{stroke:#777;fill:#777}.lost{stroke:#c22;fill:#c22}line.lost{stroke-dasharray:5 3}svg .cross{fill:#c22;font-size:14px}\
.Crash{fill:#c22}.Start{fill:#2a8}.App{fill:#f29c11}.Link{fill:#33c}.Disk{fill:#8aa}.Notice{fill:#c3a}";

/// A self-contained page that shows what happened between two times of the world, with titles to hover.
pub fn page(world: &World, title: &str, window: (Time, Time)) -> String {
    let marks = world.trace.marks.as_deref().unwrap_or_default();
    let mut drawing = Drawing::of(marks, window, world.devices.len());
    drawing.draw_times();
    (0..world.devices.len()).for_each(|who| drawing.draw_life(who, marks));
    // Points lie on top of arrows, so that both can be hovered.
    marks.iter().for_each(|mark| drawing.draw_frame(mark));
    marks.iter().for_each(|mark| drawing.draw_point(mark));

    let (width, height) = (drawing.width, drawing.bottom() + 20);
    let names = world.devices.iter().enumerate().fold(String::new(), |names, (who, device)| {
        let name = escape(&device.name);
        names + &format!("<text x='{}' y='20' text-anchor='middle'>{name}</text>", column(who))
    });
    format!(
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>{0}</title><style>{STYLE}</style><h1>{0}</h1>\
         <p class='key'>{1}</p><header><svg width='{width}' height='{NAMES}'>{names}</svg></header>\
         <svg width='{width}' height='{height}'>{2}{3}</svg></html>\n",
        escape(title),
        key(),
        heads(),
        drawing.svg,
    )
}

/// Arrow heads, one of each colour.
fn heads() -> String {
    let head = |(class, ..): &(&str, &str, &[&str])| {
        let shape = "viewBox='0 0 10 10' refX='10' refY='5' markerWidth='9' markerHeight='9'";
        format!(
            "<marker id='{class}' {shape} markerUnits='userSpaceOnUse' orient='auto'>\
             <path class='{class}' stroke='none' d='M0 1 10 5 0 9z'/></marker>"
        )
    };
    format!("<defs>{}</defs>", FRAMES.iter().map(head).collect::<String>())
}

fn key() -> String {
    let frame = |(class, name, _): &(&str, &str, &[&str])| {
        let arrow = format!("<line class='frame {class}' x1='0' y1='6' x2='26' y2='6'/>");
        format!("<span><svg width='26' height='12'>{arrow}</svg>{name}</span>")
    };
    let point = |(kind, name): &(Kind, &str)| {
        format!("<span><svg width='14' height='14'>{}</svg>{name}</span>", shape(*kind, (7, 7), ""))
    };
    FRAMES.iter().map(frame).chain(POINTS.iter().map(point)).collect()
}

struct Drawing {
    from: Time,
    upto: Time,
    /// How much time a pixel is.
    pixel: Time,
    /// The times at which something happens, and where they are on the page.
    places: Vec<(Time, u64)>,
    width: u64,
    /// Where the last label is beside each device, to the left and to the right.
    labels: Vec<[u64; 2]>,
    svg: String,
}

impl Drawing {
    fn of(marks: &[Mark], (from, upto): (Time, Time), devices: usize) -> Self {
        let upto = upto.max(from + 1);
        let mut times: Vec<_> = marks
            .iter()
            .flat_map(|mark| match mark {
                Mark::Frame { sent, arrives, .. } => [Some(*sent), *arrives],
                Mark::Point { at, .. } => [Some(*at), None],
            })
            .flatten()
            .filter(|at| (from..=upto).contains(at))
            .chain([from, upto])
            .collect();
        times.sort_unstable();
        times.dedup();
        let mut pixel = MILLISECOND / 2;
        let mut places = lay_out(&times, pixel);
        while places.last().is_some_and(|(_, y)| *y > MOST_PIXELS) && pixel < upto - from {
            pixel *= 2;
            places = lay_out(&times, pixel);
        }
        let (width, labels) = (column(devices), vec![[0; 2]; devices]);
        Self { from, upto, pixel, places, width, labels, svg: String::new() }
    }

    fn shows(&self, at: Time) -> bool {
        (self.from..=self.upto).contains(&at)
    }

    fn y(&self, at: Time) -> u64 {
        let before = self.places.partition_point(|(time, _)| *time <= at).saturating_sub(1);
        let (time, y) = self.places[before];
        y + shortened(at.saturating_sub(time) / self.pixel)
    }

    fn bottom(&self) -> u64 {
        self.y(self.upto)
    }

    /// Round times in the margin, and how long nothing happened where that is not drawn in full.
    fn draw_times(&mut self) {
        let (step, right) = (100 * self.pixel.next_multiple_of(MILLISECOND / 2), self.width);
        for pair in self.places.windows(2) {
            let [(from, top), (upto, bottom)] = [pair[0], pair[1]];
            if (upto - from) / self.pixel > QUIET {
                let (y, quiet) = (top.midpoint(bottom) + 4, (upto - from) / MILLISECOND);
                _ = write!(
                    self.svg,
                    "<text class='quiet' x='8' y='{y}'>⋮ {quiet} ms of quiet</text>"
                );
                continue;
            }
            let mut at = from.next_multiple_of(step);
            while at < upto {
                let (y, time) = (top + (at - from) / self.pixel, at / MILLISECOND);
                line(&mut self.svg, "tick", ((80, y), (right, y)), "");
                _ = write!(self.svg, "<text x='8' y='{}'>{time} ms</text>", y + 4);
                at += step;
            }
        }
    }

    /// A device's line, which is solid while its process runs.
    fn draw_life(&mut self, who: Who, marks: &[Mark]) {
        let (x, mut since, mut class) = (column(who), self.from, "down");
        for mark in marks {
            let Mark::Point { at, who: of, kind: kind @ (Kind::Start | Kind::Crash), .. } = mark
            else {
                continue;
            };
            if *of != who {
                continue;
            }
            let at = (*at).clamp(self.from, self.upto);
            let life = ((x, self.y(since)), (x, self.y(at)));
            line(&mut self.svg, class, life, "");
            (since, class) = (at, if *kind == Kind::Start { "up" } else { "down" });
        }
        let life = ((x, self.y(since)), (x, self.bottom()));
        line(&mut self.svg, class, life, "");
    }

    fn draw_frame(&mut self, mark: &Mark) {
        let Mark::Frame { between: (from, to), sent, arrives, what, bytes } = mark else { return };
        if !self.shows(*sent) {
            return;
        }
        let (start, end, top, right) = (column(*from), column(*to), self.y(*sent), to > from);
        let title = format!("{what}, {bytes} bytes, sent at {} ms", sent / MILLISECOND);
        if let Some(at) = arrives {
            let of = FRAMES.iter().find(|(_, _, messages)| messages.contains(what));
            let class = format!("frame {}", of.map_or("other", |(class, ..)| class));
            let arrow = ((start, top), (end, self.y(*at)));
            line(
                &mut self.svg,
                &class,
                arrow,
                &format!("{title}, arrived at {} ms", at / MILLISECOND),
            );
        } else {
            // It ends clear of every line, lest it seem to arrive at a device in between.
            let (x, y) = (if right { start + COLUMN / 3 } else { start - COLUMN / 3 }, top + 12);
            line(&mut self.svg, "lost", ((start, top), (x, y)), &format!("{title}, lost"));
            _ = write!(
                self.svg,
                "<text class='cross' x='{x}' y='{}' text-anchor='middle'>✕</text>",
                y + 5
            );
        }
        let last = &mut self.labels[*from][usize::from(right)];
        if *last == 0 || top >= *last + LABEL {
            *last = top;
            let (x, anchor) = if right { (start + 12, "start") } else { (start - 32, "end") };
            let y = top.saturating_sub(3);
            _ = write!(self.svg, "<text x='{x}' y='{y}' text-anchor='{anchor}'>{what}</text>");
        }
    }

    fn draw_point(&mut self, mark: &Mark) {
        let Mark::Point { at, who, kind, note } = mark else { return };
        if self.shows(*at) {
            let aside = match kind {
                Kind::Disk => 11,
                Kind::Notice => 22,
                _ => 0,
            };
            let title = format!("{} ms: {note}", at / MILLISECOND);
            self.svg += &shape(*kind, (column(*who) - aside, self.y(*at)), &title);
        }
    }
}

/// Where times are on the page, when a pixel is so much time and quiet times are cut short.
fn lay_out(times: &[Time], pixel: Time) -> Vec<(Time, u64)> {
    let (mut y, mut last) = (20, times.first().copied().unwrap_or_default());
    let place = |at: &Time| {
        y += shortened((at - last) / pixel);
        last = *at;
        (*at, y)
    };
    times.iter().map(place).collect()
}

fn shortened(pixels: u64) -> u64 {
    if pixels > QUIET { QUIET / 2 } else { pixels }
}

fn column(who: Who) -> u64 {
    LEFT + who as u64 * COLUMN
}

fn shape(kind: Kind, (x, y): (u64, u64), title: &str) -> String {
    let title = format!("<title>{}</title>", escape(title));
    if matches!(kind, Kind::Crash | Kind::Start) {
        let (left, top) = (x.saturating_sub(6), y.saturating_sub(6));
        return format!(
            "<rect class='{kind:?}' x='{left}' y='{top}' width='12' height='12'>{title}</rect>"
        );
    }
    format!("<circle class='{kind:?}' cx='{x}' cy='{y}' r='4'>{title}</circle>")
}

/// A line; one that is a frame has the head of its class.
fn line(
    svg: &mut String,
    class: &str,
    ((x1, y1), (x2, y2)): ((u64, u64), (u64, u64)),
    title: &str,
) {
    let head = class.strip_prefix("frame ");
    let head = head.map(|head| format!(" marker-end='url(#{head})'")).unwrap_or_default();
    let title = escape(title);
    // Writing to a string can't fail.
    _ = write!(
        svg,
        "<line class='{class}'{head} x1='{x1}' y1='{y1}' x2='{x2}' y2='{y2}'><title>{title}</title></line>"
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
