// The theme follows the system until a person chooses; the choice is a cookie, so that the server renders it at once.

export function start(): void {
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-theme-switch]") : null;
    if (!button) return;
    const root = document.documentElement;
    const now = root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    const next = now === "dark" ? "light" : "dark";
    root.dataset.theme = next;
    document.cookie = `pilothouse-theme=${next}; path=/; max-age=31536000; samesite=strict`;
  });
}
