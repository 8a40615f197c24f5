//! Directed graphs as SVG: layers by longest path, left to right.

use std::collections::HashMap;

use maud::{Markup, html};
use pilothouse_model::page::Node;
use pilothouse_model::time::human;

use super::scene::Scene;
use crate::assets;

const WIDTH: usize = 196;
const HEIGHT: usize = 44;
const GAP_X: usize = 56;
const GAP_Y: usize = 14;
/// Characters of a label that fit a node.
const LABEL: usize = 24;

/// Where a node stands: layer, and place within it.
type Spot = (usize, usize);

/// The graph as a card.
pub(crate) fn graph(title: &str, nodes: &[Node], edges: &[(String, String)], scene: &Scene<'_>) -> Markup {
    let index: HashMap<&str, usize> = nodes.iter().enumerate().map(|(at, node)| (node.id.as_str(), at)).collect();
    // An edge to a node that is not there says nothing that can be drawn.
    let edges: Vec<_> =
        edges.iter().filter_map(|(from, to)| Some((*index.get(from.as_str())?, *index.get(to.as_str())?))).collect();
    let spots = layout(nodes.len(), &edges);
    let across = spots.iter().map(|spot| spot.0 + 1).max().unwrap_or_default();
    let down = spots.iter().map(|spot| spot.1 + 1).max().unwrap_or_default();
    let (width, height) = (across * (WIDTH + GAP_X), down * (HEIGHT + GAP_Y));
    html! {
        section.card aria-label=(title) {
            header { h2 { (title) } span.faint { (nodes.len()) " nodes" } }
            @if nodes.is_empty() {
                p.empty { "Nothing to draw yet." }
            } @else {
                div.graph tabindex="0" {
                    svg width=(width) height=(height) viewBox={ "-2 -2 " (width) " " (height) } role="group" {
                        @for (from, to) in &edges { path.edge d=(curve(spots[*from], spots[*to])) {} }
                        @for (node, spot) in nodes.iter().zip(&spots) { (draw(node, *spot, scene)) }
                    }
                }
            }
        }
    }
}

fn draw(node: &Node, (column, line): Spot, scene: &Scene<'_>) -> Markup {
    let (x, y) = (column * (WIDTH + GAP_X), line * (HEIGHT + GAP_Y));
    let level = node.status.level.as_str();
    let under = match (node.started, node.finished) {
        (Some(started), Some(finished)) => {
            format!("{} · {}", node.status.word, human(finished.duration_since(started)))
        }
        _ => node.status.word.to_string(),
    };
    let body = html! {
        title { (node.label) " · " (node.status.word) @if !node.status.message.is_empty() { ": " (node.status.message) } }
        rect x=(x) y=(y) width=(WIDTH) height=(HEIGHT) rx="6" {}
        svg.icon x=(x + 10) y=(y + 14) width="16" height="16" { use href={ (assets::ICONS) "#" (level) } {} }
        text x=(x + 34) y=(y + 18) { (shorten(&node.label)) }
        text.under-label x=(x + 34) y=(y + 34) { (under) }
    };
    html! {
        @match node.object.as_ref().and_then(|object| scene.reference(object)) {
            Some(url) => a class={ "node " (level) } href=(url) { (body) },
            None => g class={ "node " (level) } { (body) },
        }
    }
}

fn shorten(label: &str) -> String {
    if label.chars().count() <= LABEL {
        return label.to_owned();
    }
    label.chars().take(LABEL - 1).chain(['…']).collect()
}

fn curve(from: Spot, to: Spot) -> String {
    let (x1, y1) = (from.0 * (WIDTH + GAP_X) + WIDTH, from.1 * (HEIGHT + GAP_Y) + HEIGHT / 2);
    let (x2, y2) = (to.0 * (WIDTH + GAP_X), to.1 * (HEIGHT + GAP_Y) + HEIGHT / 2);
    let bend = GAP_X / 2;
    format!("M{x1} {y1}C{} {y1} {} {y2} {x2} {y2}", x1 + bend, x2.saturating_sub(bend))
}

/// Each node's layer is the length of the longest path to it; within a layer, nodes stand near what leads to them. What
/// runs in a circle cannot be layered and is cut where it was entered.
fn layout(nodes: usize, edges: &[(usize, usize)]) -> Vec<Spot> {
    let mut waiting = vec![0_usize; nodes];
    for (_, to) in edges {
        waiting[*to] += 1;
    }
    let mut layer = vec![0_usize; nodes];
    let mut done = vec![false; nodes];
    let mut ready: Vec<usize> = (0..nodes).filter(|node| waiting[*node] == 0).collect();
    for _ in 0..nodes {
        let Some(node) = ready.pop().or_else(|| (0..nodes).find(|node| !done[*node])) else { break };
        done[node] = true;
        for (_, to) in edges.iter().filter(|(from, to)| *from == node && !done[*to]) {
            layer[*to] = layer[*to].max(layer[node] + 1);
            waiting[*to] = waiting[*to].saturating_sub(1);
            if waiting[*to] == 0 && !ready.contains(to) {
                ready.push(*to);
            }
        }
        ready.retain(|node| !done[*node]);
    }
    let mut spots: Vec<Spot> = layer.iter().map(|layer| (*layer, 0)).collect();
    for current in 0..=layer.iter().copied().max().unwrap_or_default() {
        let mut members: Vec<usize> = (0..nodes).filter(|node| layer[*node] == current).collect();
        let centre = |node: usize| {
            let above: Vec<_> = edges.iter().filter(|(_, to)| *to == node).map(|(from, _)| spots[*from].1).collect();
            (above.iter().sum::<usize>() * 100).checked_div(above.len()).unwrap_or_default()
        };
        members.sort_by_key(|node| (centre(*node), *node));
        for (line, node) in members.into_iter().enumerate() {
            spots[node].1 = line;
        }
    }
    spots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_follow_the_longest_path() {
        let spots = layout(4, &[(0, 1), (1, 2), (0, 2), (0, 3)]);
        assert_eq!(spots.iter().map(|spot| spot.0).collect::<Vec<_>>(), [0, 1, 2, 1]);
    }

    #[test]
    fn no_two_nodes_share_a_spot_whatever_the_edges() {
        let graphs: [&[(usize, usize)]; 4] =
            [&[], &[(0, 1), (1, 0)], &[(0, 0)], &[(0, 1), (1, 2), (2, 0), (3, 1), (2, 4), (4, 3)]];
        for edges in graphs {
            let mut spots = layout(5, edges);
            spots.sort_unstable();
            spots.dedup();
            assert_eq!(spots.len(), 5, "{edges:?}");
        }
    }
}
