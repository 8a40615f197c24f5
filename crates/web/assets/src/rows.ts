// Patches the rows of a table: only cells that differ are touched, rows move by index.
import htmx from "htmx.org";
import { tick } from "./clock";

export interface Row {
  id: string;
  index: number;
  /** The row's <tr>; absent when it only moved. */
  html?: string;
}

export interface Rows {
  /** Whether `put` is the whole page, in order. */
  whole: boolean;
  left: string[];
  /** Rows that entered or moved, in the order of their new index. */
  put: Row[];
  changed: Row[];
}

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Applies a change; false when the table is not the one that the change was made for. */
export function patch(body: HTMLElement, rows: Rows): boolean {
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
  const fits = rows.whole ? replace(body, rows.put) : apply(body, rows);
  if (focused?.isConnected && body.contains(focused) && document.activeElement !== focused) {
    focused.focus({ preventScroll: true });
  }
  return fits;
}

function known(body: HTMLElement): Map<string, HTMLElement> {
  return new Map([...body.children].map((row) => [(row as HTMLElement).dataset.row ?? "", row as HTMLElement]));
}

function replace(body: HTMLElement, put: Row[]): boolean {
  const old = known(body);
  const kept = new Set(put.map((row) => row.id));
  for (const [id, row] of old) if (!kept.has(id)) row.remove();
  put.forEach((row, index) => {
    let element = old.get(row.id);
    if (element) {
      if (row.html !== undefined) update(element, row.html, false);
    } else if (row.html !== undefined) {
      element = make(row.html);
    }
    if (!element) return;
    const there = body.children[index];
    if (there !== element) {
      body.insertBefore(element, there ?? null);
      if (!old.has(row.id)) added(element, false);
    }
  });
  return body.childElementCount === put.length;
}

function apply(body: HTMLElement, rows: Rows): boolean {
  const old = known(body);
  for (const id of rows.left) {
    const row = old.get(id);
    if (!row) return false;
    row.remove();
  }
  const moved = rows.put.filter((row) => row.html === undefined);
  for (const row of moved) {
    const element = old.get(row.id);
    if (!element) return false;
    element.remove();
  }
  for (const row of rows.put) {
    const element = row.html === undefined ? old.get(row.id) : make(row.html);
    if (!element || row.index > body.childElementCount) return false;
    body.insertBefore(element, body.children[row.index] ?? null);
    if (row.html !== undefined) added(element, true);
  }
  for (const row of rows.changed) {
    const element = old.get(row.id) ?? known(body).get(row.id);
    if (!element || row.html === undefined) return false;
    update(element, row.html, true);
  }
  return true;
}

function make(html: string): HTMLElement | undefined {
  const template = document.createElement("template");
  template.innerHTML = html;
  const row = template.content.firstElementChild;
  if (!(row instanceof HTMLElement)) return undefined;
  tick(row);
  return row;
}

function added(row: HTMLElement, mark: boolean): void {
  htmx.process(row);
  if (mark) for (const cell of row.children) flash(cell);
}

/** Takes over a row's new look; `mark` says whether what changed did so before the person's eyes. */
function update(row: HTMLElement, html: string, mark: boolean): void {
  const fresh = make(html);
  if (!fresh) return;
  tick(row);
  const [before, after] = [[...row.children], [...fresh.children]];
  if (before.length !== after.length) {
    row.replaceChildren(...after);
    htmx.process(row);
    return;
  }
  before.forEach((cell, index) => {
    const next = after[index];
    if (!next || same(cell, next)) return;
    const focused = cell.contains(document.activeElement);
    cell.replaceWith(next);
    htmx.process(next);
    if (focused) next.querySelector<HTMLElement>("a, button")?.focus({ preventScroll: true });
    if (mark && cell.textContent !== next.textContent) flash(next);
  });
}

/** Whether two cells show the same. What htmx itself wrote on links does not count. */
function same(cell: Element, next: Element): boolean {
  if (cell.isEqualNode(next)) return true;
  const bare = cell.cloneNode(true) as Element;
  for (const link of bare.querySelectorAll("[data-htmx-powered]")) link.removeAttribute("data-htmx-powered");
  return bare.isEqualNode(next);
}

function flash(cell: Element): void {
  if (calm.matches) return;
  const colour = getComputedStyle(document.documentElement).getPropertyValue("--changed");
  cell.animate([{ backgroundColor: colour }, { backgroundColor: "transparent" }], { duration: 1600, easing: "ease-out" });
}
