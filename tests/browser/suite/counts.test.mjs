// The counts above a list's rows: each is what its click shows.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, session, violations } from "../lib/browser.mjs";
import { mainPages, rows } from "../lib/places.mjs";
import * as worlds from "../lib/world.mjs";

const NAMESPACE = "counts-test";

let world, browser, context, pages;

before(async () => {
  [world, browser] = await Promise.all([worlds.demo(), launch()]);
  world.kubectl("create", "namespace", NAMESPACE);
  context = await session(browser, world);
  ({ pages } = await mainPages(context, world));
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

const group = (page, name) => page.getByRole("region", { name, exact: true });
const configMaps = (...names) => names.forEach((name) => world.kubectl("-n", NAMESPACE, "create", "configmap", name));
const LIST = "/r/core/v1/configmaps";

/** The list of config maps with a question. */
async function list(q, from = context) {
  const base = pages.get("workloads").replace(/\/workloads.*/, "");
  const page = await open(from, world, `${base}${LIST}?q=${encodeURIComponent(q)}`);
  await rows(page);
  return page;
}

test("a count is what its click shows, and a second click takes it back", async () => {
  configMaps("one", "two");
  const page = await list("");
  const own = group(page, "Namespace").getByRole("link", { name: new RegExp(`^${NAMESPACE} `) });
  if (!(await own.isVisible())) await group(page, "Namespace").locator("summary").click();
  const count = Number((await own.locator(".count").innerText()).replace(",", ""));
  await own.click();
  await page.waitForURL(/q=namespace(:|%3A)counts-test/);
  assert.equal(await page.locator("main #q").inputValue(), `namespace:${NAMESPACE}`);
  await page.waitForFunction((count) => document.querySelectorAll("main table tbody tr").length === count, count);
  const active = group(page, "Namespace").getByRole("link", { name: new RegExp(NAMESPACE) });
  assert.equal(await active.getAttribute("aria-current"), "true");
  await active.click();
  await page.waitForURL((url) => !url.searchParams.get("q"));
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("counts follow the cluster", async () => {
  const page = await list(`namespace:${NAMESPACE}`);
  const count = group(page, "Namespace").locator("a.active .count");
  const before = Number(await count.innerText());
  configMaps("three", "four", "five");
  await page.waitForFunction((wanted) => Number(document.querySelector(".counts a.active .count")?.textContent) === wanted, before + 3);
  await page.close();
});

test("what the question asks for stays in reach though no row has it", async () => {
  const base = pages.get("pods").split("?")[0];
  const page = await open(context, world, `${base}?q=${encodeURIComponent("node:nowhere")}`);
  const gone = group(page, "Node").getByRole("link", { name: /nowhere/ });
  assert.equal(await gone.locator(".count").innerText(), "0");
  await gone.click();
  await rows(page);
  await page.close();
});

test("counts are fit for everybody, and leave a narrow window to the rows", async () => {
  for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { viewport: { width: 360, height: 740 } }]) {
    const other = await session(browser, world, options);
    const page = await open(other, world, pages.get("pods"));
    await rows(page);
    const narrow = options.viewport !== undefined;
    assert.equal(await group(page, "Namespace").isVisible(), !narrow);
    if (narrow) {
      const top = (await page.locator("main table").boundingBox()).y;
      assert.ok(top < 740 / 2, `the table begins at ${top}`);
      await page.locator(".counts > summary").click();
      assert.ok(await group(page, "Namespace").isVisible());
    }
    assert.deepEqual(await violations(page), []);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    assert.equal(wide, false, "nothing sticks out of the page");
    assert.deepEqual(page.complaints, []);
    await other.close();
  }
});

test("without a script the counts are plain links", async () => {
  const other = await session(browser, world, { javaScriptEnabled: false });
  const page = await open(other, world, pages.get("pods"));
  await rows(page);
  await group(page, "Namespace").getByRole("link").first().click();
  await page.waitForURL(/q=namespace/);
  await rows(page);
  await other.close();
});
