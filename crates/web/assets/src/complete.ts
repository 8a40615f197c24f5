// Completion in search fields: a combobox that asks the server what can be written where the cursor stands. Without it the
// field is a plain one.

interface Item {
  text: string;
  kind: "field" | "value" | "operator" | "function";
  detail: string;
  count: number | null;
}

interface Completion {
  replace: { start: number; end: number };
  items: Item[];
}

/** What is offered now: for which field and text, and which item is chosen. */
let shown: { field: HTMLInputElement; list: HTMLElement; text: string; completion: Completion; at: number } | null = null;
let asked = 0;
let pause: ReturnType<typeof setTimeout> | undefined;

const bytes = new TextEncoder();
const characters = new TextDecoder();

function fieldOf(target: EventTarget | null): HTMLInputElement | null {
  return target instanceof HTMLInputElement && target.dataset.complete !== undefined ? target : null;
}

/** The place in a text after so many of its bytes. */
function place(text: string, offset: number): number {
  return characters.decode(bytes.encode(text).slice(0, offset)).length;
}

/** Makes a field a combobox, once. */
function equip(field: HTMLInputElement): { list: HTMLElement; told: HTMLElement } {
  const box = field.parentElement as HTMLElement;
  let list = box.querySelector<HTMLElement>("[role=listbox]");
  let told = box.querySelector<HTMLElement>(".told");
  if (!list || !told) {
    list = document.createElement("ul");
    list.id = `${field.id}-offers`;
    list.className = "completions";
    list.hidden = true;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", "What can be written here");
    told = document.createElement("span");
    told.className = "told hidden-text";
    told.setAttribute("role", "status");
    box.append(list, told);
  }
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", list.id);
  if (!field.hasAttribute("aria-expanded")) field.setAttribute("aria-expanded", "false");
  return { list, told };
}

function close(): void {
  clearTimeout(pause);
  asked++;
  if (!shown) return;
  shown.list.hidden = true;
  shown.list.replaceChildren();
  shown.field.setAttribute("aria-expanded", "false");
  shown.field.removeAttribute("aria-activedescendant");
  shown = null;
}

function option(item: Item, id: string): HTMLElement {
  const line = document.createElement("li");
  line.id = id;
  line.setAttribute("role", "option");
  line.setAttribute("aria-selected", "false");
  line.dataset.kind = item.kind;
  const text = document.createElement("code");
  text.textContent = item.text.trim();
  const detail = document.createElement("small");
  detail.textContent = item.detail;
  line.append(text, detail);
  if (item.count !== null) {
    const count = document.createElement("small");
    count.className = "count";
    const rows = document.createElement("span");
    rows.className = "hidden-text";
    rows.textContent = item.count === 1 ? " row" : " rows";
    count.append(item.count.toLocaleString("en"), rows);
    line.append(count);
  }
  return line;
}

function show(field: HTMLInputElement, text: string, completion: Completion): void {
  const { list, told } = equip(field);
  if (completion.items.length === 0) {
    close();
    told.textContent = "";
    return;
  }
  list.replaceChildren(...completion.items.map((item, index) => option(item, `${list.id}-${index}`)));
  list.hidden = false;
  list.scrollTop = 0;
  field.setAttribute("aria-expanded", "true");
  field.removeAttribute("aria-activedescendant");
  const many = completion.items.length;
  told.textContent = `${many} ${many === 1 ? "offer" : "offers"}`;
  shown = { field, list, text, completion, at: -1 };
}

async function ask(field: HTMLInputElement): Promise<void> {
  const mine = ++asked;
  const text = field.value;
  const cursor = bytes.encode(text.slice(0, field.selectionStart ?? text.length)).length;
  const address = new URL(field.dataset.complete ?? "", location.href);
  address.searchParams.set("q", text);
  address.searchParams.set("cursor", String(cursor));
  let completion: Completion = { replace: { start: 0, end: 0 }, items: [] };
  try {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    if (answer.ok) completion = (await answer.json()) as Completion;
  } catch {
    // Without an answer there is nothing to offer; the page itself says when the console is gone.
  }
  if (mine === asked && field.value === text && document.activeElement === field) show(field, text, completion);
}

function choose(at: number): void {
  if (!shown) return;
  const options = [...shown.list.children] as HTMLElement[];
  shown.at = (at + options.length) % options.length;
  options.forEach((line, index) => line.setAttribute("aria-selected", String(index === shown?.at)));
  const line = options[shown.at];
  if (!line) return;
  line.scrollIntoView({ block: "nearest" });
  shown.field.setAttribute("aria-activedescendant", line.id);
}

function take(at: number): void {
  if (!shown) return;
  const { field, text, completion } = shown;
  const item = completion.items[at];
  if (!item) return;
  close();
  const start = place(text, completion.replace.start);
  field.setRangeText(item.text, start, place(text, completion.replace.end), "end");
  // Fields and operators want more; with a value the condition is whole.
  if (item.kind !== "value") void ask(field);
}

/** Whether something of what is replaced was typed. */
function begun(): boolean {
  if (!shown) return false;
  const { start, end } = shown.completion.replace;
  return start < end;
}

function press(event: KeyboardEvent, field: HTMLInputElement): void {
  const here = shown?.field === field ? shown : null;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (here) choose(event.key === "ArrowDown" ? here.at + 1 : here.at < 0 ? -1 : here.at - 1);
    else void ask(field);
  } else if (!here) {
    return;
  } else if (event.key === "Enter") {
    if (here.at >= 0) {
      event.preventDefault();
      take(here.at);
    } else {
      close();
    }
  } else if (event.key === "Tab" && !event.shiftKey && (here.at >= 0 || begun())) {
    event.preventDefault();
    take(Math.max(here.at, 0));
  } else if (event.key === "Escape") {
    // By itself a search field takes the key for clearing what was typed.
    event.preventDefault();
    event.stopPropagation();
    close();
  }
}

/** Makes the fields of the page comboboxes. */
export function settle(): void {
  for (const field of document.querySelectorAll<HTMLInputElement>("input[data-complete]")) equip(field);
  if (shown && !shown.field.isConnected) shown = null;
}

export function start(): void {
  settle();
  document.addEventListener("input", (event) => {
    const field = fieldOf(event.target);
    if (!field) return;
    clearTimeout(pause);
    pause = setTimeout(() => void ask(field), 90);
  });
  document.addEventListener("keydown", (event) => {
    const field = fieldOf(event.target);
    if (field && !event.isComposing) press(event, field);
  });
  // A press on the list must not take the focus from the field.
  document.addEventListener("mousedown", (event) => {
    if (event.target instanceof Element && event.target.closest(".completions")) event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    const line = event.target instanceof Element ? event.target.closest<HTMLElement>(".completions [role=option]") : null;
    if (line && shown) take([...shown.list.children].indexOf(line));
  });
  document.addEventListener("focusout", (event) => {
    if (fieldOf(event.target)) close();
  });
  document.addEventListener("submit", close);
}
