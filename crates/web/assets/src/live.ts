// Keeps what is on the page current: one stream per page carries every open window and object on it.
//
// <main data-live="/c/prod/live"> says where the stream is. Inside #shell, <section data-watch="r/core/v1/pods?q=..."> is one
// thing to follow, with named places [data-part="..."] for HTML and [data-part="rows"] for the rows of a table.
import htmx from "htmx.org";
import { tick } from "./clock";
import { patch, type Rows } from "./rows";

interface Update {
  /** Position of the watched thing in the stream's address. */
  watch: number;
  /** Columns or page changed so much that the page must be fetched again. */
  reload?: boolean;
  /** HTML by place. */
  parts: Record<string, string>;
  rows?: Rows;
}

const SHORTEST = 1000;
const LONGEST = 30000;
/** A page that cannot settle what it consists of is not fetched more often than this. */
const SHORTEST_FETCH = 3000;
/** The stream says every 15 seconds at the latest that it is there; one that is silent for so long has nobody at its end. */
const SILENT = 40000;
/** How long a tab may be hidden before its stream is given back: browsers allow few streams to one host. */
const HIDDEN = 5000;

let stream: EventSource | null = null;
let address = "";
let wait = SHORTEST;
let fetched = 0;
let retry: ReturnType<typeof setTimeout> | undefined;
let again: ReturnType<typeof setTimeout> | undefined;
let hide: ReturnType<typeof setTimeout> | undefined;
let silence: ReturnType<typeof setTimeout> | undefined;
const shown = new WeakMap<Element, string>();

function watched(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("#shell [data-watch]")];
}

/** The page of this page's cluster: a session may be over for one cluster alone. */
function cluster(): string | undefined {
  return document.querySelector<HTMLElement>("main")?.dataset.live?.replace(/\/live$/, "");
}

function wanted(): string {
  const base = document.querySelector<HTMLElement>("main")?.dataset.live;
  const watches = watched().map((section) => `watch=${encodeURIComponent(section.dataset.watch ?? "")}`);
  return base && watches.length > 0 ? `${base}?${watches.join("&")}` : "";
}

/** A page that lacks an answer says after how many seconds it wants to be fetched again. */
function askAgain(): void {
  const seconds = Number(document.querySelector<HTMLElement>("main [data-again]")?.dataset.again);
  if (!(seconds > 0)) {
    clearTimeout(again);
    again = undefined;
  } else if (again === undefined) {
    again = setTimeout(() => {
      again = undefined;
      if (!document.hidden) fetchAgain();
      else askAgain();
    }, seconds * 1000);
  }
}

/** Opens the stream that the page wants, unless it is open already. */
export function follow(): void {
  askAgain();
  const next = document.hidden ? "" : wanted();
  if (next === address && (stream || next === "")) return;
  close();
  address = next;
  if (next) open();
}

function close(): void {
  clearTimeout(retry);
  clearTimeout(silence);
  retry = undefined;
  stream?.close();
  stream = null;
}

/** A console that stands still, or a connection that nobody ends, gives no error: only silence. */
function heard(): void {
  clearTimeout(silence);
  silence = setTimeout(() => {
    close();
    lost(open);
  }, SILENT);
}

function open(): void {
  const source = new EventSource(address);
  stream = source;
  heard();
  source.addEventListener("update", (event) => {
    if (source !== stream) return;
    heard();
    receive(JSON.parse((event as MessageEvent<string>).data) as Update);
  });
  source.addEventListener("alive", () => {
    if (source === stream) heard();
  });
  // The credential that it was opened with has come to its end: with the next one it goes on.
  source.addEventListener("again", () => {
    if (source === stream) reopen();
  });
  source.addEventListener("end", () => {
    if (source === stream) close();
  });
  source.addEventListener("error", () => {
    if (source !== stream) return;
    close();
    lost(open);
  });
}

/** The console does not answer: says so, and tries again after a while. */
function lost(attempt: () => void): void {
  // What a click was told stays: it says more.
  if (!document.documentElement.hasAttribute("data-lost")) {
    say("The connection to Pilothouse is lost: what this page shows is not live. It is tried again.");
  }
  void explain();
  retry = setTimeout(attempt, wait * (0.75 + Math.random() / 2));
  wait = Math.min(wait * 2, LONGEST);
}

/** Words over everything, and marks that stop telling that all is well; no words: it is well again. */
function say(words: string): void {
  const root = document.documentElement;
  const banner = document.querySelector<HTMLElement>("#lost");
  const place = banner?.querySelector("p");
  root.toggleAttribute("data-lost", words !== "");
  if (!banner || !place) return;
  if (place.textContent !== words) place.textContent = words;
  banner.hidden = words === "";
}

/** What a person asked for did not come: htmx alone would stay silent. */
function failed(): void {
  say("Pilothouse does not answer: the page that you asked for could not be opened. Is it still running in its terminal?");
  void explain();
  // When the stream stands it was this one answer; without it, the stream's own news takes the words away.
  if (!stream && retry === undefined) retry = setTimeout(fetchAgain, wait);
}

/** Fetches the page again, in place. */
function fetchAgain(): void {
  fetched = Date.now();
  address = "";
  const options = { target: "#shell", swap: "outerMorph", select: "#shell" };
  void Promise.resolve(htmx.ajax("GET", location.pathname + location.search, options))
    .catch(() => undefined)
    .then(() => {
      // A page that came has opened its stream; when none came, the old one must not stay still for ever.
      if (!stream && !document.hidden && wanted() !== "") lost(fetchAgain);
    });
}

/**
 * An event source does not tell why it failed. The session may be over: where people sign in, the page itself leads there.
 * A console that was started anew does not know this session any more.
 */
async function explain(): Promise<void> {
  const answer = await fetch(cluster() ?? "/clusters", { method: "HEAD" }).catch(() => null);
  if (answer?.status !== 401) return;
  clearTimeout(retry);
  if (answer.headers.has("pilothouse-sign-in")) {
    location.reload();
    return;
  }
  say("Pilothouse was started anew: open the address that it printed in its terminal.");
}

function reopen(): void {
  close();
  open();
}

function receive(update: Update): void {
  wait = SHORTEST;
  say("");
  const section = watched()[update.watch];
  if (!section) return;
  if (update.reload) {
    close();
    const since = Date.now() - fetched;
    retry = setTimeout(fetchAgain, Math.max(0, SHORTEST_FETCH - since));
    return;
  }
  if (update.rows) {
    const body = section.querySelector<HTMLElement>('[data-part="rows"]');
    if (body && !patch(body, update.rows)) {
      // The page and the stream disagree about the rows: begin again with the whole page.
      reopen();
      return;
    }
  }
  for (const [name, html] of Object.entries(update.parts)) {
    const place = section.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (place) fill(place, html);
  }
}

/** Morphs a place into new HTML, so that focus, selection and what a person opened survive. */
function fill(place: Element, html: string): void {
  if (shown.get(place) === html) return;
  shown.set(place, html);
  if (place.childElementCount === 0 || html === "") {
    place.innerHTML = html;
    tick(place);
    htmx.process(place);
    return;
  }
  void htmx.swap({ text: html, target: place, swap: "innerMorph", sourceElement: place }).then(() => tick(place));
}

export function start(): void {
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hide);
    if (document.hidden) {
      hide = setTimeout(follow, HIDDEN);
    } else {
      follow();
    }
  });
  // A page that the browser kept for the way back must not hold a stream while it sleeps.
  window.addEventListener("pagehide", () => {
    close();
    address = "";
  });
  window.addEventListener("pageshow", follow);
  document.addEventListener("htmx:error", failed);
  document.addEventListener("htmx:response:error", () => void explain());
  follow();
}
