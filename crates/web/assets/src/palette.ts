// Ctrl K: a dialog that asks the server for objects, places and kinds as one types, and again while more is being found.
import htmx from "htmx.org";

/** An answer that is not all there is is asked for again after so long, then after longer. */
const SOON = 150;
const LATE = 1200;

let asked = 0;
/** Whether the person has chosen among what is shown: from then on nothing moves. */
let steady = false;
let late = 0;
let pause: ReturnType<typeof setTimeout> | undefined;
let more: ReturnType<typeof setTimeout> | undefined;

function parts() {
  const dialog = document.querySelector<HTMLDialogElement>("dialog.palette");
  const field = dialog?.querySelector<HTMLInputElement>("input");
  const found = dialog?.querySelector<HTMLElement>(".found");
  return dialog && field && found ? { dialog, field, found } : null;
}

function options(found: HTMLElement): HTMLElement[] {
  return [...found.querySelectorAll<HTMLElement>("[role=option]")];
}

function select(found: HTMLElement, field: HTMLInputElement, index: number): void {
  const all = options(found);
  all.forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
  const chosen = all[index];
  if (chosen) {
    chosen.scrollIntoView({ block: "nearest" });
    field.setAttribute("aria-activedescendant", chosen.id);
  } else {
    field.removeAttribute("aria-activedescendant");
  }
}

async function ask(again = 0): Promise<void> {
  const found = parts();
  if (!found) return;
  const mine = ++asked;
  if (again === 0) steady = false;
  const address = `${found.dialog.dataset.address}?q=${encodeURIComponent(found.field.value)}`;
  let html: string;
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    html = await answer.text();
  } catch {
    html = '<p class="nothing">The console does not answer. Is it still running?</p>';
  }
  if (mine !== asked || !found.dialog.open) return;
  show(found, html);
  if (found.found.querySelector("[data-more]")) {
    clearTimeout(more);
    more = setTimeout(() => {
      if (mine === asked && found.dialog.open) void ask(again + 1);
    }, Math.min(LATE, SOON * 1.3 ** again));
  }
}

type Parts = NonNullable<ReturnType<typeof parts>>;

/** Shows an answer. What the person has chosen among stays where it is: what is new comes below it. */
function show({ found, field }: Parts, html: string): void {
  const chosen = options(found).find((option) => option.getAttribute("aria-selected") === "true");
  if (!steady) {
    found.innerHTML = html;
    htmx.process(found);
    select(found, field, 0);
    return;
  }
  const next = document.createElement("div");
  next.innerHTML = html;
  const known = new Set(options(found).map((option) => option.getAttribute("href")));
  const fresh = options(next).filter((option) => !known.has(option.getAttribute("href")) && option.id !== "found-all");
  const list = found.querySelector(".objects");
  if (list) {
    const end = list.querySelector(".all");
    for (const option of fresh.filter((one) => one.closest(".objects"))) {
      option.id = `found-late-${late++}`;
      list.insertBefore(option.closest("li") ?? option, end);
    }
    const all = next.querySelector("#found-all");
    if (all && end?.querySelector("a")) end.querySelector("a")!.textContent = all.textContent;
  } else {
    const objects = [...next.querySelectorAll(".answer > .heading, .answer > ul.objects")].filter(
      (part) => part.matches(".objects") || part.nextElementSibling?.matches(".objects"),
    );
    found.querySelector(".answer")?.append(...objects);
  }
  const told = next.querySelector(".told");
  if (told) {
    found.querySelector(".told")?.remove();
    found.querySelector(".answer")?.append(told);
  }
  found.querySelector(".answer")?.toggleAttribute("data-more", next.querySelector("[data-more]") !== null);
  htmx.process(found);
  if (chosen) select(found, field, options(found).indexOf(chosen));
}

function open(): void {
  const found = parts();
  if (!found) return;
  if (!found.dialog.open) found.dialog.showModal();
  found.field.select();
  void ask();
}

export function start(): void {
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "k") {
      event.preventDefault();
      open();
      return;
    }
    const found = parts();
    if (!found?.dialog.open || event.target !== found.field) return;
    if (event.key === "Escape") {
      // By itself a search field takes the key for clearing what was typed.
      event.preventDefault();
      found.dialog.close();
      return;
    }
    const all = options(found.found);
    const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      steady = true;
      if (all.length > 0) select(found.found, found.field, (at + step + all.length) % all.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      all[at]?.click();
    }
  });
  document.addEventListener("input", (event) => {
    if (!(event.target instanceof HTMLInputElement) || !event.target.closest("dialog.palette")) return;
    clearTimeout(pause);
    pause = setTimeout(() => void ask(), 90);
  });
  document.addEventListener("pointermove", (event) => {
    if (event.target instanceof Element && event.target.closest("dialog.palette .found")) steady = true;
  });
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("[data-palette]") && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      open();
    }
    const dialog = target?.closest<HTMLDialogElement>("dialog.palette");
    if (dialog && (target === dialog || target?.closest("a"))) dialog.close();
  });
}
