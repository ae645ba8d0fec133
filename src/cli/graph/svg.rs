//! The flow as a picture. The steps stand as a tree, each below or beside the one that leads to it
//! first; the longest way on goes straight down, the others to the right, their outcomes on the
//! line. A way to a step that stands elsewhere is a link below the box.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;

use crate::call::Question;
use crate::cli::graph::{Graph, Way, does};
use crate::flow::{Body, StepId};
use crate::page::escape;

const MARGIN: usize = 24;
/// Width of a box, and of the way to the next column, which holds the outcomes.
const CARD: usize = 290;
const GAP: usize = 140;
/// Height of a line of text.
const ROW: usize = 15;
const PAD: usize = 9;
/// Between a box and the one below: room for the outcomes.
const DROP: usize = 26;
/// Characters in a line of a box, and lines of what is said.
const LINE: usize = 40;
const LINES: usize = 3;

/// What the boxes' colours mean.
const KINDS: [(&str, &str); 6] = [
    ("says", "#e8f0fc"),
    ("asks", "#fff1cc"),
    ("looks up, creates a ticket", "#e0f3e6"),
    ("depends on", "#f3e6fb"),
    ("hands over", "#fde4de"),
    ("ends", "#e9e9e9"),
];

/// A box, where it stands, and what leads on.
struct Card {
    x: usize,
    y: usize,
    height: usize,
    text: Vec<String>,
    jumps: Vec<Way>,
    leads: Vec<Way>,
}

/// The picture, as it grows.
struct Drawing<'g> {
    graph: &'g Graph<'g>,
    /// The ways to each step that comes first from this one.
    children: BTreeMap<StepId, Vec<StepId>>,
    /// Steps of the tree below each step, with itself.
    sizes: BTreeMap<StepId, usize>,
    cards: BTreeMap<StepId, Card>,
    right: usize,
}

/// The whole picture.
pub(super) fn draw(graph: &Graph<'_>) -> String {
    let (children, roots) = tree(graph);
    let mut drawing = Drawing {
        graph,
        children,
        sizes: BTreeMap::new(),
        cards: BTreeMap::new(),
        right: 0,
    };
    let mut y = MARGIN + ROW * 3;
    for root in roots {
        drawing.measure(root);
        y = drawing.place(root, MARGIN, y) + DROP;
    }
    let (width, height) = (drawing.right + MARGIN, y + MARGIN);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <title>{}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}{}</svg>\n",
        escape(&graph.flow.name),
        drawing.legend(),
        drawing.paint()
    )
}

/// Each step under the one from which it is first reached; what is wired once for the whole call
/// stands for itself.
fn tree(graph: &Graph<'_>) -> (BTreeMap<StepId, Vec<StepId>>, Vec<StepId>) {
    let flow = graph.flow;
    let always = [
        flow.always.operator,
        flow.always.patience,
        flow.always.trouble,
    ];
    let all = flow.steps().map(|(id, _)| id);
    let mut roots = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    let mut children: BTreeMap<StepId, Vec<StepId>> = BTreeMap::new();
    for root in [flow.start].into_iter().chain(always).chain(all) {
        if !seen.insert(root) {
            continue;
        }
        roots.push(root);
        let mut open = VecDeque::from([root]);
        while let Some(id) = open.pop_front() {
            for way in leads(graph, id) {
                if seen.insert(way.to) {
                    children.entry(id).or_default().push(way.to);
                    open.push_back(way.to);
                }
            }
        }
    }
    (children, roots)
}

/// The ways on from a step. Subjects lead on from every question; they are drawn at the first.
fn leads(graph: &Graph<'_>, id: StepId) -> Vec<Way> {
    let step = graph.flow.step(id);
    let mut ways = graph.ways(step);
    let mut first = graph
        .flow
        .steps()
        .filter(|(_, of)| matches!(&of.body, Body::Ask(ask) if ask.question == Question::Open));
    if first.next().is_some_and(|(first, _)| first == id) {
        for (topic, to) in &graph.flow.topics {
            match ways.iter_mut().find(|way| way.to == *to) {
                Some(way) => way.outcomes.push(topic.as_str()),
                None => ways.push(Way {
                    outcomes: vec![topic.as_str()],
                    to: *to,
                    taken: None,
                }),
            }
        }
    }
    ways
}

impl Drawing<'_> {
    /// How many steps stand below. Recursion is bounded by the number of steps of a flow.
    fn measure(&mut self, id: StepId) -> usize {
        let below = self.children.get(&id).cloned().unwrap_or_default();
        let size = 1 + below.into_iter().map(|of| self.measure(of)).sum::<usize>();
        self.sizes.insert(id, size);
        size
    }

    /// Places a step and what stands below it; gives the bottom of it all.
    fn place(&mut self, id: StepId, x: usize, y: usize) -> usize {
        let below = self.children.get(&id).cloned().unwrap_or_default();
        let (leads, jumps): (Vec<Way>, Vec<Way>) = leads(self.graph, id)
            .into_iter()
            .partition(|way| below.contains(&way.to));
        let step = self.graph.flow.step(id);
        let mut text = vec![step.name.to_string()];
        text.extend(wrap(&self.graph.says(step)));
        let said = self.graph.flow.always_leads(id);
        let from = said.iter().filter(|name| !name.starts_with("late"));
        if !from
            .clone()
            .any(|name| self.graph.flow.topics.keys().any(|t| t.as_str() == name))
        {
            text.extend(from.map(|name| format!("▸ {name}, from anywhere")));
        }
        let height = PAD + ROW * (text.len() + jumps.len()) + PAD / 2;
        let card = Card {
            x,
            y,
            height,
            text,
            jumps,
            leads,
        };
        self.cards.insert(id, card);
        self.right = self.right.max(x + CARD);
        let size = |of: &&StepId| self.sizes.get(of).copied().unwrap_or(0);
        // Of equals the first: that is how the file reads.
        let down = below.iter().rev().max_by_key(size).copied();
        let mut beside = y;
        let mut any = false;
        for child in below.into_iter().filter(|of| Some(*of) != down) {
            let lines = self.label_lines(id, child);
            beside = self
                .place(child, x + CARD + GAP, beside)
                .max(beside + lines * ROW)
                + ROW;
            any = true;
        }
        let mut bottom = y + height;
        if any {
            bottom = bottom.max(beside - ROW);
        }
        match down {
            Some(down) => {
                let drop = DROP + self.label_lines(id, down).saturating_sub(1) * ROW;
                self.place(down, x, bottom + drop)
            }
            None => bottom,
        }
    }

    fn label_lines(&self, from: StepId, to: StepId) -> usize {
        let card = self.cards.get(&from);
        let way = card.and_then(|card| card.leads.iter().find(|way| way.to == to));
        way.map_or(1, |way| labels(way).len())
    }

    fn legend(&self) -> String {
        let mut text = String::new();
        let mut x = MARGIN;
        let title = escape(&self.graph.flow.name);
        let _ = writeln!(
            text,
            "<text x=\"{x}\" y=\"{MARGIN}\" font-size=\"16\" font-weight=\"bold\">{title}</text>"
        );
        for (name, fill) in KINDS {
            let _ = writeln!(
                text,
                "<rect x=\"{x}\" y=\"{}\" width=\"14\" height=\"12\" fill=\"{fill}\" \
                 stroke=\"#889\"/><text x=\"{}\" y=\"{}\">{name}</text>",
                MARGIN + 10,
                x + 19,
                MARGIN + 20
            );
            x += 40 + name.len() * 6;
        }
        if self.graph.taken.is_some() {
            let _ = writeln!(
                text,
                "<text x=\"{x}\" y=\"{}\">in brackets: calls that go there; \
                 <tspan fill=\"#c22\">red: none</tspan></text>",
                MARGIN + 20
            );
        }
        text
    }

    fn paint(&self) -> String {
        let (mut lines, mut boxes) = (String::new(), String::new());
        for (id, card) in &self.cards {
            self.paint_card(*id, card, &mut boxes);
            for way in &card.leads {
                if let Some(to) = self.cards.get(&way.to) {
                    paint_way(card, to, way, &mut lines);
                }
            }
        }
        lines + &boxes
    }

    fn paint_card(&self, id: StepId, card: &Card, boxes: &mut String) {
        let step = self.graph.flow.step(id);
        let [says, asks, looks_up, when, transfer, ends] = KINDS.map(|(_, fill)| fill);
        let fill = match step.body {
            Body::Say => says,
            Body::Ask(_) => asks,
            Body::LookUp(_) | Body::CreateTicket => looks_up,
            Body::When(_) => when,
            Body::Transfer { .. } => transfer,
            Body::HangUp(_) => ends,
        };
        let (x, y) = (card.x, card.y);
        let _ = writeln!(
            boxes,
            "<g id=\"{}\"><rect x=\"{x}\" y=\"{y}\" width=\"{CARD}\" height=\"{}\" rx=\"6\" \
             fill=\"{fill}\" stroke=\"#889\"/><title>{}</title>",
            escape(&step.name),
            card.height,
            escape(&format!("{}: {}", does(step), self.graph.says(step)))
        );
        let mut at = y + PAD + ROW - 4;
        for (line, text) in card.text.iter().enumerate() {
            let weight = if line == 0 {
                " font-weight=\"bold\""
            } else {
                ""
            };
            let text = escape(text);
            let _ = writeln!(
                boxes,
                "<text x=\"{}\" y=\"{at}\"{weight}>{text}</text>",
                x + PAD
            );
            at += ROW;
        }
        for way in &card.jumps {
            let to = escape(&self.graph.flow.step(way.to).name);
            let label = labels(way).join(", ");
            let _ = writeln!(
                boxes,
                "<a href=\"#{to}\"><text x=\"{}\" y=\"{at}\" fill=\"{}\">{} → \
                 <tspan font-weight=\"bold\">{to}</tspan></text></a>",
                x + PAD,
                way.colour(),
                escape(&super::cut(&label, LINE.saturating_sub(to.chars().count())))
            );
            at += ROW;
        }
        boxes.push_str("</g>\n");
    }
}

/// The outcomes of a way, line by line, with the number of calls on the last.
fn labels(way: &Way) -> Vec<String> {
    let mut lines: Vec<String> = way.outcomes.iter().map(|of| (*of).to_owned()).collect();
    if let (Some(last), Some(count)) = (lines.last_mut(), way.count()) {
        let _ = write!(last, " ({count})");
    }
    lines
}

/// A line with its outcomes: straight down, or to the right and down.
fn paint_way(from: &Card, to: &Card, way: &Way, lines: &mut String) {
    let colour = way.colour();
    let end = to.y + ROW;
    let (path, label_x, mut label_y) = if from.x == to.x {
        let x = from.x + PAD * 2;
        let start = from.y + from.height;
        let lines = labels(way).len();
        (
            format!("M{x} {start} V{}", to.y),
            x + 6,
            to.y - 8 - (lines - 1) * ROW,
        )
    } else {
        let start = from.x + CARD;
        let middle = start + PAD * 2;
        let path = format!("M{start} {} H{middle} V{end} H{}", from.y + ROW, to.x);
        (path, middle + 6, end - 4)
    };
    let _ = writeln!(
        lines,
        "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\"/>\
         <circle cx=\"{}\" cy=\"{}\" r=\"2.5\" fill=\"{colour}\"/>",
        way.width(),
        if from.x == to.x {
            from.x + PAD * 2
        } else {
            to.x
        },
        if from.x == to.x { to.y } else { end }
    );
    for label in labels(way) {
        let _ = writeln!(
            lines,
            "<text x=\"{label_x}\" y=\"{label_y}\" font-size=\"10\" fill=\"{colour}\">{}</text>",
            escape(&label)
        );
        // Under the line what does not fit above it.
        label_y += ROW;
    }
}

/// Words in lines; what does not fit in is cut.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.len() == LINES;
        let Some(line) = lines.last_mut() else { break };
        let length = line.chars().count() + word.chars().count() + 1;
        if length <= LINE {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        } else if full {
            line.push('…');
            break;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}
