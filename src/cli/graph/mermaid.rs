//! The flow as Mermaid text, which many editors and wikis draw.

use std::fmt::Write;

use crate::cli::graph::{Graph, cut};
use crate::flow::Body;

/// Characters of a step's text.
const TEXT: usize = 60;

/// The flow chart.
pub(super) fn draw(graph: &Graph<'_>) -> String {
    let mut text = "flowchart TD\n".to_owned();
    let mut edges = 0;
    for (id, step) in graph.flow.steps() {
        let (open, close) = match step.body {
            Body::Say => ("[", "]"),
            Body::Ask(_) => ("([", "])"),
            Body::LookUp(_) | Body::CreateTicket => ("[[", "]]"),
            Body::When(_) => ("{", "}"),
            Body::Transfer { .. } => ("[/", "/]"),
            Body::HangUp(_) => ("((", "))"),
        };
        let words = plain(&cut(&graph.says(step), TEXT));
        let _ = writeln!(text, "  s{}{open}\"{}<br>{words}\"{close}", id.0, step.name);
        let names = graph.flow.always_leads(id);
        if !names.is_empty() {
            let names = names.join("<br>");
            let _ = writeln!(text, "  t{}>\"{names}\"] -.-> s{}", id.0, id.0);
            edges += 1;
        }
    }
    let mut missing = Vec::new();
    for (id, step) in graph.flow.steps() {
        for way in graph.ways(step) {
            let count = way.count().map(|count| format!(" ({count})"));
            let label = way.outcomes.join(", ") + count.as_deref().unwrap_or_default();
            let _ = writeln!(text, "  s{} -->|\"{label}\"| s{}", id.0, way.to.0);
            if matches!(way.taken, Some((0, _))) {
                missing.push(edges.to_string());
            }
            edges += 1;
        }
    }
    if !missing.is_empty() {
        let missing = missing.join(",");
        let _ = writeln!(text, "  linkStyle {missing} stroke:#c22,stroke-width:3px");
    }
    text
}

/// Mermaid has no escapes but entities for quotes.
fn plain(text: &str) -> String {
    text.replace('"', "#quot;")
}
