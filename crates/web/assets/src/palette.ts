// Ctrl K: a dialog that asks the server for places, kinds and objects as one types.
import htmx from "htmx.org";

let asked = 0;
let pause: ReturnType<typeof setTimeout> | undefined;

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

async function ask(): Promise<void> {
  const found = parts();
  if (!found) return;
  const mine = ++asked;
  const address = `${found.dialog.dataset.address}?q=${encodeURIComponent(found.field.value)}`;
  let html: string;
  try {
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (!answer.ok) throw new Error(String(answer.status));
    html = await answer.text();
  } catch {
    html = '<p class="nothing">The console does not answer. Is it still running?</p>';
  }
  if (mine !== asked) return;
  found.found.innerHTML = html;
  htmx.process(found.found);
  select(found.found, found.field, 0);
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
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    if (target?.closest("[data-palette]")) open();
    const dialog = target?.closest<HTMLDialogElement>("dialog.palette");
    if (dialog && (target === dialog || target?.closest("a"))) dialog.close();
  });
}
