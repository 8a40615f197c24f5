// Signing out of a console for many people: in every tab at once, and for good.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open, violations } from "../lib/browser.mjs";
import { rows } from "../lib/places.mjs";
import * as worlds from "../lib/world.mjs";

const PODS = "/c/pilothouse-demo/r/core/v1/pods";

let cluster, world, browser, context;

before(async () => {
  [cluster, browser] = await Promise.all([worlds.demo(), launch()]);
  world = await worlds.shared(cluster);
  context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  context.setDefaultTimeout(20_000);
});

after(async () => {
  await browser?.close();
  await world?.stop();
  await cluster?.stop();
});

test("who signs out in one tab is signed out in all, and the way back shows nothing", async () => {
  const here = await open(context, world, PODS);
  assert.match(here.url(), /\/sign-in\?then=/);
  assert.match(await here.innerText("main"), /^Pilothouse\s+Sign in/);
  assert.deepEqual(await violations(here), []);
  await here.fill("[name=token]", world.token);
  await here.click("form.token button");
  await here.waitForURL((url) => url.pathname === PODS);
  await rows(here);
  const there = await open(context, world, `${PODS}?ns=kubeflow`);
  await rows(there);
  await there.locator(".listing .freshness.good").waitFor();
  const sessions = async () => (await context.cookies()).filter((cookie) => cookie.httpOnly).length;
  assert.equal(await sessions(), 1);

  await here.click("#person summary");
  await here.click("#person button");
  await here.getByRole("heading", { name: "You are signed out" }).waitFor();
  // The page is whole, not a part put into the one before.
  assert.equal(await here.locator("#shell, nav, table").count(), 0);
  assert.deepEqual(await violations(here), []);
  assert.equal(await sessions(), 0);

  await there.waitForURL(/\/sign-in/);
  assert.equal(await there.locator("table").count(), 0, "what the other tab showed is gone");

  await here.goBack();
  await here.waitForURL(/\/sign-in/);
  assert.equal(await here.locator("table").count(), 0, "the way back shows nothing");
  assert.deepEqual(here.complaints, []);
  await here.close();
  await there.close();
});
