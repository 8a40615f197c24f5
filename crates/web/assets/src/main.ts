// The console's script: everything works without it, it only adds what a browser alone can do.
import "htmx.org";
import * as clock from "./clock";
import * as keys from "./keys";
import * as live from "./live";
import * as palette from "./palette";
import * as pickers from "./pickers";
import * as theme from "./theme";

document.documentElement.classList.add("scripted");

let page = location.pathname;

/** After htmx changed the page: tick the new ages, follow the new windows, and tell assistive technology of a new page. */
function settle(): void {
  clock.tick(document);
  live.follow();
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

clock.start();
keys.start();
palette.start();
pickers.start();
theme.start();
live.start();
document.addEventListener("htmx:after:swap", settle);
