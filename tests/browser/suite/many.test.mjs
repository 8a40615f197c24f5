// Lists over several clusters and search over everything, in a browser: two clusters live, one is dead.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, session, violations } from "../lib/browser.mjs";
import * as worlds from "../lib/world.mjs";

const NAMESPACE = "many-test";
const LIST = `/all/r/core/v1/configmaps?ns=${NAMESPACE}`;

let world, browser, context;

before(async () => {
  [world, browser] = await Promise.all([worlds.several(), launch()]);
  for (const cluster of [world.east, world.west]) {
    cluster.kubectl("create", "namespace", NAMESPACE);
    cluster.kubectl("-n", NAMESPACE, "create", "configmap", "lighthouse", "--from-literal=a=1");
  }
  world.west.kubectl("-n", NAMESPACE, "create", "configmap", "west-only", "--from-literal=a=1");
  context = await session(browser, world);
});

after(async () => {
  await browser?.close();
  await world?.stop();
});

const row = (page, ...texts) => texts.reduce((rows, hasText) => rows.filter({ hasText }), page.locator("main table tbody tr"));
const part = (page, name) => page.locator(".parts .part", { hasText: name });

test("rows of several clusters stand in one list, and a dead cluster is told", async () => {
  const page = await open(context, world, LIST);
  await row(page, "lighthouse", "east").waitFor();
  await row(page, "lighthouse", "west").waitFor();
  await row(page, "west-only").waitFor();
  await part(page, "north").filter({ hasText: "Failed" }).waitFor();
  assert.match(await part(page, "north").innerText(), /127\.0\.0\.1/);
  assert.match(await part(page, "east").innerText(), /Live/);
  assert.match(await page.locator(".listing .freshness").first().innerText(), /2 of 3 clusters/);
  await row(page, "west-only").locator("a").first().click();
  await page.waitForURL(/\/c\/west\/r\/core\/v1\/configmaps\/namespaces\/many-test\/west-only/);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("a change in one cluster shows and touches no row of another", async () => {
  const page = await open(context, world, LIST);
  await row(page, "lighthouse", "east").waitFor();
  await row(page, "west-only").waitFor();
  await page.evaluate(() => {
    globalThis.notReloaded = true;
    for (const one of document.querySelectorAll("main table tbody tr")) one.untouched = true;
  });
  world.east.kubectl("-n", NAMESPACE, "create", "configmap", "newcomer", "--from-literal=a=1");
  await row(page, "newcomer", "east").waitFor();
  world.east.kubectl("-n", NAMESPACE, "delete", "configmap", "newcomer");
  await row(page, "newcomer").waitFor({ state: "detached" });
  const kept = await page.evaluate(() => [
    globalThis.notReloaded,
    ...[...document.querySelectorAll("main table tbody tr")].map((one) => one.untouched),
  ]);
  assert.ok(kept.every((one) => one === true), JSON.stringify(kept));
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("clusters are chosen by the address, by the question and by the picker", async () => {
  const page = await open(context, world, `${LIST}&cluster=west`);
  await row(page, "west-only").waitFor();
  assert.equal(await row(page, "east").count(), 0);
  await page.goto(new URL(`${LIST}&q=cluster:east`, world.origin).href);
  await row(page, "lighthouse", "east").waitFor();
  assert.equal(await row(page, "west").count(), 0);
  assert.equal(await part(page, "north").count(), 0, "a cluster that the question rules out is not asked");
  await page.goto(new URL(`${LIST}&q=cluster:eastt`, world.origin).href);
  assert.match(await page.locator(".question-error").innerText(), /no cluster named "eastt"[^]*cluster:east/i);
  await page.goto(new URL("/c/east/r/core/v1/configmaps", world.origin).href);
  await page.locator("#clusters summary").click();
  await page.locator("#clusters").getByRole("link", { name: "All clusters" }).click();
  await page.waitForURL(/\/all\/r\/core\/v1\/configmaps/);
  await row(page, "west-only").waitFor();
  await page.close();
});

test("the palette finds objects of every cluster as one types, and what was chosen stays", async () => {
  // Typing opens no cluster: the lists of both are opened first.
  const lists = await open(context, world, LIST);
  await row(lists, "west-only").waitFor();
  await lists.close();
  const page = await open(context, world, "/c/east");
  await page.locator("header .connection.good").waitFor();
  await page.keyboard.press("Control+k");
  const palette = page.locator("dialog#palette");
  await palette.waitFor();
  await palette.locator("input").fill("lighth");
  const objects = palette.locator(".objects [role=option]");
  await objects.filter({ hasText: "lighthouse" }).filter({ hasText: "west" }).waitFor();
  await objects.filter({ hasText: "lighthouse" }).filter({ hasText: "east" }).waitFor();
  await page.keyboard.press("ArrowDown");
  const chosen = palette.locator("[aria-selected=true]");
  const href = await chosen.getAttribute("href");
  await palette.locator(".searched.over").waitFor();
  assert.equal(await chosen.getAttribute("href"), href, "what comes later moves nothing");
  assert.deepEqual(await violations(page), []);
  await palette.locator("input").fill("pods");
  await palette.getByRole("option").first().filter({ hasText: /^Pods/ }).waitFor();
  await palette.locator("input").fill("lighth");
  await objects.filter({ hasText: "lighthouse" }).first().waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/configmaps\/namespaces\/many-test\/lighthouse/);
  assert.deepEqual(page.complaints, []);
  await page.close();
});

test("the page of a search has facets and works without script", async () => {
  const plain = await session(browser, world, { javaScriptEnabled: false });
  const page = await open(plain, world, "/search");
  await page.locator("main input[name=q]").fill("west-only");
  await page.locator("main input[name=q]").press("Enter");
  for (let again = 0; again < 20 && (await page.locator(".hits a").count()) === 0; again++) await page.reload();
  assert.equal(await page.locator(".hits a").first().innerText(), "west-only");
  await page.locator(".facets a", { hasText: "ConfigMap" }).click();
  await page.waitForURL(/kind:ConfigMap/);
  assert.equal(await page.locator(".hits a").first().innerText(), "west-only");
  assert.match(await page.locator("main").innerText(), /north is not searched/);
  await plain.close();
});

for (const colorScheme of ["light", "dark"]) {
  test(`nothing bars the way and nothing overflows, ${colorScheme}`, async () => {
    const themed = await session(browser, world, { colorScheme });
    for (const path of ["/all/workloads", LIST, "/search?q=lighthouse", "/all/workloads?q=cluster:nope"]) {
      const page = await open(themed, world, path);
      await page.waitForLoadState("load");
      assert.deepEqual(await violations(page), [], path);
      for (const width of [1400, 1024, 390]) {
        await page.setViewportSize({ width, height: 800 });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(overflow <= 0, `${path} at ${width} pixels is ${overflow} too wide`);
        for (const picker of await page.locator("details.picker:visible").all()) {
          await picker.locator("summary").click();
          const { x, width: wide } = await picker.locator(".menu").boundingBox();
          assert.ok(x >= 0 && x + wide <= width, `a menu on ${path} at ${width} pixels goes from ${x} to ${x + wide}`);
          await picker.locator("summary").click();
        }
      }
      if (process.env.PILOTHOUSE_PICTURES) {
        await page.screenshot({ path: `${process.env.PILOTHOUSE_PICTURES}/${colorScheme}-390-${path.replaceAll(/\W+/g, "-")}.png` });
        await page.setViewportSize({ width: 1400, height: 900 });
        await page.screenshot({ path: `${process.env.PILOTHOUSE_PICTURES}/${colorScheme}-${path.replaceAll(/\W+/g, "-")}.png` });
      }
      await page.close();
    }
    await themed.close();
  });
}
