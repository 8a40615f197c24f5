// Opens the terminal of a pod's page when a person asks for it: <section data-terminal="/c/prod/terminal/ns/pod"
// data-script="/assets/terminal-….js">. What draws it is large and comes only then.
import type { Opened, Wanted } from "./terminal";

/** The cookie that remembers that somebody uses a screen reader. */
const READER = "pilothouse-reader";

let section: HTMLElement | null = null;
let terminal: Opened | null = null;

/** After the page changed: a terminal whose page is left ends. */
export function settle(): void {
  const next = document.querySelector<HTMLElement>("#shell [data-terminal]");
  if (next === section) return;
  terminal?.remove();
  terminal = null;
  section = next;
  const reader = next?.querySelector<HTMLInputElement>("[name=reader]");
  if (reader) reader.checked = document.cookie.includes(`${READER}=1`);
}

async function connect(place: HTMLElement, form: HTMLFormElement): Promise<void> {
  const box = place.querySelector<HTMLElement>("[data-terminal-box]");
  const button = place.querySelector<HTMLButtonElement>("[data-terminal-connect]");
  const stop = place.querySelector<HTMLButtonElement>("[data-terminal-end]");
  if (!box || !button || !stop || button.hidden) return;
  button.disabled = true;
  let open: (wanted: Wanted) => Opened;
  try {
    ({ open } = (await import(place.dataset.script ?? "")) as { open: (wanted: Wanted) => Opened });
  } catch {
    button.disabled = false;
    say(place, "The terminal's script did not load. Load the page again.", true);
    return;
  }
  if (section !== place) return;
  terminal?.remove();
  show(button, stop, true);
  const data = new FormData(form);
  terminal = open({
    box,
    address: address(place, data),
    reader: data.has("reader"),
    say: (words, trouble) => say(place, words, trouble),
    ended: () => {
      const here = box.contains(document.activeElement) || document.activeElement === stop;
      show(button, stop, false);
      button.textContent = "Connect again";
      if (here) button.focus();
    },
    left: () => (stop.hidden ? button : stop).focus(),
  });
}

/** Offers to connect, or to end what is connected. */
function show(connect: HTMLButtonElement, end: HTMLButtonElement, connected: boolean): void {
  connect.hidden = connected;
  connect.disabled = false;
  end.hidden = !connected;
}

function address(place: HTMLElement, data: FormData): string {
  const url = new URL(place.dataset.terminal ?? "", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  for (const name of ["container", "command"]) {
    const value = data.get(name);
    if (typeof value === "string" && value.trim()) url.searchParams.set(name, value);
  }
  return url.href;
}

function say(place: HTMLElement, words: string, trouble: boolean): void {
  const state = place.querySelector<HTMLElement>("[data-terminal-state]");
  if (!state) return;
  state.textContent = words;
  state.classList.toggle("trouble", trouble);
}

export function start(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.matches("[data-terminal-choice]")) return;
    event.preventDefault();
    if (section?.contains(form)) void connect(section, form);
  });
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-terminal-end]") : null;
    if (button) terminal?.end();
  });
  document.addEventListener("change", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement) || !box.matches("[data-terminal-choice] [name=reader]")) return;
    document.cookie = `${READER}=${box.checked ? 1 : 0}; path=/; max-age=31536000; samesite=strict`;
    terminal?.reader(box.checked);
  });
  settle();
}
