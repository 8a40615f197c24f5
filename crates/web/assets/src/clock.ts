// Ages that tick: <time data-age="1700000000">5m</time> shows the age of a moment, data-until counts down to one.

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86400;

/** Milliseconds that the server's clock is ahead of ours. */
let ahead = 0;

function two(big: number, unit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${unit}` : `${big}${unit}${small}${smallUnit}`;
}

/** A span of seconds the way kubectl shows ages; the server renders the same (model's `time::human`). */
export function human(span: number): string {
  const seconds = Math.max(0, Math.floor(span));
  const minutes = Math.floor(seconds / MINUTE);
  const hours = Math.floor(seconds / HOUR);
  const days = Math.floor(seconds / DAY);
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return two(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  if (hours < 8) return two(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  if (hours < 192) return two(days, "d", hours % 24, "h");
  if (days < 365 * 2) return `${days}d`;
  if (days < 365 * 8) return two(Math.floor(days / 365), "y", days % 365, "d");
  return `${Math.floor(days / 365)}y`;
}

/** Brings every age below `root` up to now. */
export function tick(root: ParentNode): void {
  const now = (Date.now() + ahead) / 1000;
  for (const element of root.querySelectorAll<HTMLElement>("time[data-age]")) {
    show(element, human(now - Number(element.dataset.age)));
  }
  for (const element of root.querySelectorAll<HTMLElement>("time[data-until]")) {
    const left = Math.ceil(Number(element.dataset.until) - now);
    show(element, left > 0 ? `in ${left} s` : "now");
  }
}

function show(element: HTMLElement, text: string): void {
  const node = element.firstChild;
  if (node?.nodeType === Node.TEXT_NODE) {
    if (node.nodeValue !== text) node.nodeValue = text;
  } else {
    element.textContent = text;
  }
}

export function start(): void {
  const server = Number(document.documentElement.dataset.now) * 1000;
  // A page takes a moment to arrive; only a real difference between the clocks counts.
  if (server && Math.abs(server - Date.now()) > 5000) ahead = server - Date.now();
  tick(document);
  setInterval(() => {
    if (!document.hidden) tick(document);
  }, 1000);
}
