// What a page shows while its cluster is away, or the console stands still.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, session } from "../lib/browser.mjs";
import { mainPages, rows } from "../lib/places.mjs";
import * as worlds from "../lib/world.mjs";

/** A cluster is looked at anew every half minute, and a page is told then. */
const PATIENCE = { timeout: 90_000 };

let cluster, world, browser, context, pages;

before(async () => {
  [cluster, browser] = await Promise.all([worlds.demo(), launch()]);
  world = await worlds.wired(cluster);
  context = await session(browser, world);
  ({ pages } = await mainPages(context, world));
});

after(async () => {
  await browser?.close();
  await world?.stop();
  await cluster?.stop();
});

test("a cluster that goes away leaves its rows, marked, and is live again when it is back", async () => {
  const page = await open(context, world, pages.get("pods"));
  await rows(page);
  const mark = page.locator("header .connection");
  const freshness = page.locator(".listing .freshness").first();
  await page.locator("header .connection.good").waitFor();
  await page.locator(".listing .freshness.good").first().waitFor();

  world.cut();
  await page.locator(".listing .freshness.warning").first().waitFor(PATIENCE);
  assert.match(await freshness.innerText(), /^Stale · last current/);
  await page.locator("header .connection.error").waitFor(PATIENCE);
  assert.equal((await mark.innerText()).trim(), "Unreachable");
  assert.ok(await page.locator("main table tbody tr").count() > 0, "the rows stay");
  assert.match(await page.locator(".listing .notice.warning").first().innerText(), /was true once/);

  world.mend();
  await page.locator("header .connection.good").waitFor(PATIENCE);
  await page.locator(".listing .freshness.good").first().waitFor(PATIENCE);
  await page.locator(".listing .notice").first().waitFor({ state: "detached", ...PATIENCE });
  await rows(page);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("a console that stands still is told from one where nothing happens, and is live again when it goes on", async () => {
  const timed = await session(browser, world);
  await timed.clock.install();
  const page = await open(timed, world, pages.get("pods"));
  await rows(page);
  await page.locator("header .connection.good").waitFor();
  const banner = page.locator("#lost");

  world.freeze();
  try {
    // What was on its way has arrived by then.
    await page.waitForTimeout(500);
    await timed.clock.fastForward(20_000);
    assert.equal(await banner.isVisible(), false, "the console may be silent for a while");
    await timed.clock.fastForward(22_000);
    await banner.waitFor();
    assert.match(await banner.innerText(), /connection to Pilothouse is lost/);
    assert.equal((await page.locator("header .connection").innerText()).trim(), "Not known");
    assert.ok(await page.locator("main table tbody tr").count() > 0, "the rows stay");
  } finally {
    world.thaw();
  }
  await banner.waitFor({ state: "hidden" });
  await page.locator("header .connection.good .words").waitFor();
  assert.deepEqual(page.complaints, []);
  await timed.close();
});
