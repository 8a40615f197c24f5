// Pickers are <details>: they close when a person goes elsewhere, and their options can be narrowed by typing.

export function closeAll(except?: Element | null): void {
  for (const picker of document.querySelectorAll<HTMLDetailsElement>("details.picker[open]")) {
    if (picker !== except) picker.open = false;
  }
}

function narrow(field: HTMLInputElement): void {
  const wanted = field.value.trim().toLowerCase();
  for (const option of field.closest(".menu")?.querySelectorAll<HTMLElement>(".options li") ?? []) {
    option.hidden = wanted !== "" && !(option.textContent ?? "").toLowerCase().includes(wanted);
  }
}

async function copy(button: HTMLButtonElement): Promise<void> {
  const text = document.getElementById(button.dataset.copy ?? "")?.textContent;
  if (text == null) return;
  const words = button.querySelector("span");
  try {
    await navigator.clipboard.writeText(text);
    if (words) words.textContent = "Copied";
  } catch {
    if (words) words.textContent = "The browser does not allow it";
  }
  setTimeout(() => {
    if (words) words.textContent = "Copy";
  }, 1500);
}

export function start(): void {
  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const link = target?.closest("details.picker a");
    closeAll(link ? null : target?.closest("details.picker"));
    const button = target?.closest<HTMLButtonElement>("button[data-copy]");
    if (button) void copy(button);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector<HTMLDetailsElement>("details.picker[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary")?.focus();
  });
  document.addEventListener("submit", (event) => {
    if (event.target instanceof Element && event.target.closest("details.picker")) closeAll();
  });
  document.addEventListener("input", (event) => {
    if (event.target instanceof HTMLInputElement && event.target.matches(".picker .filter input")) narrow(event.target);
  });
}
