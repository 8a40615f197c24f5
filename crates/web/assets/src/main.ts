// The console's script: everything works without it, it only adds what a browser alone can do.
import "htmx.org";
import * as clock from "./clock";
import * as complete from "./complete";
import * as keys from "./keys";
import * as live from "./live";
import * as logs from "./logs";
import * as palette from "./palette";
import * as pickers from "./pickers";
import * as terminals from "./terminals";
import * as theme from "./theme";

document.documentElement.classList.add("scripted");

let page = location.pathname;

/** After htmx changed the page: tick the new ages, follow the new windows, and tell assistive technology of a new page. */
function settle(): void {
  clock.tick(document);
  live.follow();
  complete.settle();
  logs.follow();
  terminals.settle();
  here();
  if (page === location.pathname) return;
  page = location.pathname;
  pickers.closeAll();
  const drawer = document.querySelector<HTMLInputElement>("#drawer");
  if (drawer) drawer.checked = false;
  const focused = document.activeElement;
  if (!focused || focused === document.body || focused.closest(".navigation, main")) {
    document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true });
  }
}

/** Shows where the page stands in the navigation: its group is open, its entry in sight. */
function here(): void {
  const entry = document.querySelector<HTMLElement>(".navigation [aria-current]");
  const group = entry?.closest("details");
  if (group && page !== location.pathname) group.open = true;
  const box = entry?.closest<HTMLElement>(".navigation");
  if (!entry || !box || (group && !group.open)) return;
  const [inner, outer] = [entry.getBoundingClientRect(), box.getBoundingClientRect()];
  if (inner.top < outer.top || inner.bottom > outer.bottom) box.scrollTop += inner.top - outer.top - outer.height / 3;
}

here();
clock.start();
complete.start();
keys.start();
palette.start();
pickers.start();
theme.start();
live.start();
logs.start();
terminals.start();
document.addEventListener("htmx:after:swap", settle);
