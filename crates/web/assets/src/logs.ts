// Fills the view of logs: <section data-logs="/c/prod/logs/ns/pod?.."> with a <pre class="log"> and a line that says how it
// stands. Lines come as text and stay text. The box holds so many lines and no more; the oldest go first.

const MOST = 20000;
/** How long a tab may be hidden before its stream is given back. */
const HIDDEN = 30000;

let stream: EventSource | null = null;
let section: HTMLElement | null = null;
let address = "";

/** Opens the stream of the log that the page shows, unless it is open already. */
export function follow(): void {
  const next = document.querySelector<HTMLElement>("#shell [data-logs]");
  if (next === section && (next?.dataset.logs ?? "") === address) return;
  close();
  section = next;
  address = next?.dataset.logs ?? "";
  if (next && address) open(next);
}

function close(): void {
  stream?.close();
  stream = null;
}

/** Browsers allow few streams to one host: a log that nobody looks at gives its own back, and begins anew later. */
function rest(): void {
  if (!stream) return;
  close();
  section = null;
  address = "";
}

function open(place: HTMLElement): void {
  const box = place.querySelector<HTMLElement>("pre.log");
  if (!box) return;
  box.replaceChildren();
  const source = new EventSource(address);
  stream = source;
  let count = 0;
  const on = (name: string, receive: (data: string) => void) => {
    source.addEventListener(name, (event) => {
      if (source === stream) receive((event as MessageEvent<string>).data);
    });
  };
  const live = () => say(place, `${count === 1 ? "1 line" : `${count} lines`}. New ones show as they come.`);
  source.addEventListener("open", () => {
    if (source === stream) live();
  });
  on("lines", (data) => {
    const lines = JSON.parse(data) as string[];
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    const piece = document.createElement("span");
    piece.textContent = `${lines.join("\n")}\n`;
    piece.dataset.lines = String(lines.length);
    box.append(piece);
    count += lines.length;
    while (count > MOST && box.firstElementChild instanceof HTMLElement && box.firstElementChild !== piece) {
      count -= Number(box.firstElementChild.dataset.lines);
      box.firstElementChild.remove();
    }
    if (atEnd) box.scrollTop = box.scrollHeight;
    live();
  });
  on("end", () => {
    close();
    say(place, count === 0 ? "The log is empty." : `${count === 1 ? "1 line" : `${count} lines`}. The log ends here.`);
  });
  on("trouble", (data) => {
    close();
    const told = JSON.parse(data) as { message: string; hint?: string };
    say(place, `${told.message}.${told.hint ? ` ${told.hint}.` : ""}`.replace(/\.\.+/g, "."), true);
  });
  source.addEventListener("error", () => {
    if (source !== stream) return;
    // Opened again by itself it would begin anew, below what is shown already.
    close();
    say(place, "The stream was cut off. Show it again to read on.", true);
  });
}

function say(place: HTMLElement, words: string, trouble = false): void {
  const state = place.querySelector<HTMLElement>("[data-log-state]");
  if (!state) return;
  state.textContent = words;
  state.classList.toggle("trouble", trouble);
}

export function start(): void {
  let hide: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener("visibilitychange", () => {
    clearTimeout(hide);
    if (document.hidden) {
      hide = setTimeout(rest, HIDDEN);
    } else if (!section) {
      follow();
    }
  });
  window.addEventListener("pagehide", () => {
    close();
    section = null;
  });
  window.addEventListener("pageshow", follow);
  follow();
}
