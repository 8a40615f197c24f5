// Makes the documentation's pictures from the demo: the same seed tells the same story, and the clock of the page stands still.
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { launch, open, session } from "./lib/browser.mjs";
import { mainPages, rows } from "./lib/places.mjs";
import { demo } from "./lib/world.mjs";

const folder = fileURLToPath(new URL("../../docs/images/", import.meta.url));
mkdirSync(folder, { recursive: true });

const [world, browser] = await Promise.all([demo({ seed: 7, speed: 20 }), launch()]);
try {
  const finder = await session(browser, world);
  const { pages } = await mainPages(finder, world);
  // A picture wants a story well under way: some runs done, some failed.
  const list = await open(finder, world, `${pages.get("workloads").split("?")[0]}?q=state:failed`);
  await rows(list);
  await list.waitForFunction(() => document.querySelectorAll("main table tbody tr").length >= 5, null, { timeout: 120_000 });
  await finder.close();

  const pictures = [
    ["overview", "overview", "light"],
    ["overview-dark", "overview", "dark"],
    ["workloads", "workloads", "light"],
    ["workloads-dark", "workloads", "dark"],
    ["pod", "pod", "light"],
  ];
  for (const [name, place, colorScheme] of pictures) {
    const context = await session(browser, world, { viewport: { width: 1400, height: 860 }, colorScheme, reducedMotion: "reduce" });
    const page = await open(context, world, pages.get(place));
    await page.waitForLoadState("load");
    await page.screenshot({ path: `${folder}${name}.png`, animations: "disabled", caret: "hide" });
    console.log(`docs/images/${name}.png`);
    await context.close();
  }
} finally {
  await browser.close();
  await world.stop();
}
