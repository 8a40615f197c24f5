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
/// The most nodes that are drawn.
const MOST: usize = 600;
/// Characters of a label that fit a node.
const LABEL: usize = 24;

/// Where a node stands: layer, and place within it.
type Spot = (usize, usize);

/// The graph as a card.
pub(crate) fn graph(title: &str, nodes: &[Node], edges: &[(String, String)], scene: &Scene<'_>) -> Markup {
    let (all, nodes) = (nodes.len(), &nodes[..nodes.len().min(MOST)]);
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
            header { h2 { (title) } span.faint { (all) " nodes" } }
            @if all > nodes.len() {
                p.empty { "Only the first " (nodes.len()) " nodes are drawn: more could not be read." }
            }
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
    let (mut after, mut before) = (vec![Vec::new(); nodes], vec![Vec::new(); nodes]);
    for (from, to) in edges {
        after[*from].push(*to);
        before[*to].push(*from);
    }
    let layers = layers(&after, &before);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); layers.iter().max().map_or(0, |deepest| deepest + 1)];
    for (node, layer) in layers.iter().enumerate() {
        members[*layer].push(node);
    }
    let mut spots: Vec<Spot> = layers.into_iter().map(|layer| (layer, 0)).collect();
    for mut members in members {
        members.sort_by_cached_key(|node| {
            let above: usize = before[*node].iter().map(|from| spots[*from].1).sum();
            ((above * 100).checked_div(before[*node].len()).unwrap_or_default(), *node)
        });
        for (line, node) in members.into_iter().enumerate() {
            spots[node].1 = line;
        }
    }
    spots
}

/// The layer of each node. Every node and every edge is looked at once.
fn layers(after: &[Vec<usize>], before: &[Vec<usize>]) -> Vec<usize> {
    let nodes = after.len();
    let mut waiting: Vec<usize> = before.iter().map(Vec::len).collect();
    let (mut layer, mut done) = (vec![0_usize; nodes], vec![false; nodes]);
    let mut ready: Vec<usize> = (0..nodes).filter(|node| waiting[*node] == 0).collect();
    // Where a circle keeps everything waiting, its first node goes on.
    let mut stuck = 0..nodes;
    while let Some(node) = ready.pop().or_else(|| stuck.find(|node| !done[*node])) {
        done[node] = true;
        for to in &after[node] {
            waiting[*to] = waiting[*to].saturating_sub(1);
            if !done[*to] {
                layer[*to] = layer[*to].max(layer[node] + 1);
                if waiting[*to] == 0 {
                    ready.push(*to);
                }
            }
        }
    }
    layer
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

    #[test]
    fn a_long_chain_is_layered_and_a_very_large_graph_is_drawn_in_part() {
        let edges: Vec<_> = (1..5000).map(|node| (node - 1, node)).collect();
        let spots = layout(5000, &edges);
        assert!(spots.iter().enumerate().all(|(node, spot)| *spot == (node, 0)));
        let node = |index: usize| Node {
            id: index.to_string(),
            label: String::new(),
            status: pilothouse_model::Status::none(),
            started: None,
            finished: None,
            object: None,
        };
        let nodes: Vec<_> = (0..MOST + 1).map(node).collect();
        let html = crate::samples::with_scene(|scene| graph("Steps", &nodes, &[], scene).into_string());
        assert!(html.contains("601 nodes") && html.contains("Only the first 600 nodes"), "{html}");
        assert_eq!(html.matches("<rect").count(), MOST);
    }
}
