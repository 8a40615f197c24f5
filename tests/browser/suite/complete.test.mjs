// Completion in the search field of a list.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, session, violations } from "../lib/browser.mjs";
import { mainPages, rows } from "../lib/places.mjs";
import * as worlds from "../lib/world.mjs";

let world, browser, context, pages;

before(async () => {
  [world, browser] = await Promise.all([worlds.demo(), launch()]);
  context = await session(browser, world);
  ({ pages } = await mainPages(context, world));
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

/** A list with the cursor in its search field. */
async function list(name = "workloads", from = context) {
  const page = await open(from, world, pages.get(name));
  await rows(page);
  const field = page.locator("main #q");
  const offers = page.locator("main .completions [role=option]");
  await field.click();
  return { page, field, offers };
}

/** Waits until the offers are those of a text. */
async function offered(offers, text) {
  await offers.locator("code", { hasText: text }).first().waitFor();
}

test("a question is written with the keyboard alone", async () => {
  const { page, field, offers } = await list();
  assert.equal(await field.getAttribute("role"), "combobox");
  assert.equal(await field.getAttribute("aria-expanded"), "false");

  await page.keyboard.type("sta");
  await offered(offers, /^state:$/);
  assert.equal(await field.getAttribute("aria-expanded"), "true");
  assert.equal(await field.getAttribute("aria-activedescendant"), null, "nothing is chosen unasked");
  await page.keyboard.press("ArrowDown");
  const chosen = await field.getAttribute("aria-activedescendant");
  assert.equal(await page.locator(`[id="${chosen}"]`).getAttribute("aria-selected"), "true");
  await page.keyboard.press("Enter");
  assert.equal(await field.inputValue(), "state:", "the chosen one is taken, the question not asked yet");

  await offered(offers, /^running$/);
  await page.keyboard.type("ru");
  await page.waitForFunction(() => document.querySelectorAll(".completions [role=option]").length === 1);
  await page.keyboard.press("Tab");
  assert.equal(await field.inputValue(), "state:running");
  assert.equal(await offers.count(), 0, "with a value the condition is whole");
  await page.keyboard.press("Enter");
  await page.waitForURL(/q=state(:|%3A)running/);
  await rows(page);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("values come with how many rows have them, and only where they stand are replaced", async () => {
  const { page, field, offers } = await list();
  await field.fill("ns: kubeflow");
  await page.keyboard.press("Home");
  for (let step = 0; step < 3; step++) await page.keyboard.press("ArrowRight");
  await page.keyboard.type("te");
  await offered(offers, /^team-/);
  assert.match(await offers.first().textContent(), /\d+ rows?$/);
  const first = await offers.first().locator("code").innerText();
  await offers.first().click();
  assert.equal(await field.inputValue(), `ns:${first} kubeflow`);
  assert.equal(await page.evaluate(() => document.activeElement.id), "q", "the cursor stays in the field");
  await page.close();
});

test("letters beyond ASCII do not shift what is replaced", async () => {
  const { page, field, offers } = await list();
  await page.keyboard.type('"größe😀" sta');
  await offered(offers, /^state:$/);
  await page.keyboard.press("Tab");
  assert.equal(await field.inputValue(), '"größe😀" state:');
  await page.close();
});

test("Escape closes the offers before it clears the field, and Tab goes on where nothing is offered", async () => {
  const { page, field, offers } = await list();
  await page.keyboard.type("sta");
  await offered(offers, /^state:$/);
  await page.keyboard.press("Escape");
  assert.equal(await offers.count(), 0);
  assert.equal(await field.inputValue(), "sta");
  assert.equal(await field.getAttribute("aria-expanded"), "false");
  await page.keyboard.press("Tab");
  assert.notEqual(await page.evaluate(() => document.activeElement.id), "q");
  assert.equal(await field.inputValue(), "sta");

  await field.fill("");
  await page.keyboard.press("ArrowDown");
  await offered(offers, /^name:$/);
  await page.locator("h1").click();
  assert.equal(await offers.count(), 0, "offers close when a person goes elsewhere");
  await page.close();
});

test("the offers are fit for everybody, in light, dark and narrow", async () => {
  for (const options of [{ colorScheme: "light" }, { colorScheme: "dark" }, { viewport: { width: 360, height: 740 } }]) {
    const other = await session(browser, world, options);
    const { page, offers } = await list("pods", other);
    await page.keyboard.type("status:");
    await offered(offers, /./);
    await page.keyboard.press("ArrowDown");
    assert.deepEqual(await violations(page), []);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);
    assert.equal(wide, false, "nothing sticks out of the page");
    assert.deepEqual(page.complaints, []);
    await other.close();
  }
});

test("without a script the field is a plain one", async () => {
  const other = await session(browser, world, { javaScriptEnabled: false });
  const page = await open(other, world, pages.get("workloads"));
  const field = page.locator("main #q");
  assert.equal(await field.getAttribute("role"), null);
  await field.fill("is:active");
  await field.press("Enter");
  await page.waitForURL(/q=is(:|%3A)active/);
  await rows(page);
  await other.close();
});
