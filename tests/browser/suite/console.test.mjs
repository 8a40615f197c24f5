// The console in a browser, on the embedded cluster and on a real API server.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open, session, violations } from "../lib/browser.mjs";
import { mainPages, rows } from "../lib/places.mjs";
import * as worlds from "../lib/world.mjs";

const NAMESPACE = "browser-test";

for (const kind of ["demo", "real"]) {
  describe(`the console on the ${kind === "demo" ? "embedded" : "real"} cluster`, () => {
    let world, browser, context, pages, links;

    before(async () => {
      [world, browser] = await Promise.all([worlds[kind](), launch()]);
      world.kubectl("create", "namespace", NAMESPACE);
      for (const name of ["first", "second", "third"]) {
        world.kubectl("-n", NAMESPACE, "create", "configmap", name, "--from-literal=a=1");
      }
      context = await session(browser, world);
      ({ pages, links } = await mainPages(context, world));
    });

    after(async () => {
      await browser?.close();
      await world?.stop();
    });

    const configMaps = () => `${links.find((href) => href.includes("/r/core/v1/configmaps")).split("?")[0]}?ns=${NAMESPACE}`;
    const row = (page, name) => page.locator("main table tbody tr", { hasText: name });

    test("the main pages open without an error", async () => {
      for (const [name, path] of pages) {
        const page = await open(context, world, path);
        assert.equal(page.answer, 200, name);
        assert.equal(await page.locator("main").count(), 1, name);
        assert.ok(await page.locator("h1").count() >= 1, `${name} has a heading`);
        await page.waitForLoadState("load");
        assert.deepEqual(page.complaints, [], name);
        await page.close();
      }
    });

    test("every link of the navigation answers", async () => {
      const answers = await Promise.all(links.map((href) => context.request.get(new URL(href, world.origin).href)));
      const refused = answers.filter((answer) => answer.status() !== 200).map((answer) => `${answer.status()} ${answer.url()}`);
      assert.deepEqual(refused, []);
    });

    test("a change shows without a reload and touches nothing else", async () => {
      const page = await open(context, world, configMaps());
      await row(page, "third").waitFor();
      await page.evaluate(() => {
        globalThis.notReloaded = true;
        for (const one of document.querySelectorAll("main table tbody tr")) one.untouched = true;
      });
      world.kubectl("-n", NAMESPACE, "create", "configmap", "newcomer", "--from-literal=a=1");
      await row(page, "newcomer").waitFor();
      world.kubectl("-n", NAMESPACE, "patch", "configmap", "second", "-p", '{"data":{"b":"2","c":"3"}}');
      await page.waitForFunction(() =>
        [...document.querySelectorAll("main table tbody tr")].some((one) => one.textContent.includes("second") && /\b3\b/.test(one.innerText)),
      );
      world.kubectl("-n", NAMESPACE, "delete", "configmap", "newcomer");
      await row(page, "newcomer").waitFor({ state: "detached" });
      const kept = await page.evaluate(() => {
        const of = (name) => [...document.querySelectorAll("main table tbody tr")].find((one) => one.textContent.includes(name));
        return [globalThis.notReloaded, of("first").untouched, of("third").untouched];
      });
      assert.deepEqual(kept, [true, true, true]);
      assert.deepEqual(page.complaints, []);
      await page.close();
    });

    test("a list can be filtered, sorted and scoped by its address", async () => {
      const page = await open(context, world, `${configMaps()}&q=name:second`);
      await row(page, "second").waitFor();
      assert.equal(await row(page, "first").count(), 0);
      const sorted = await open(context, world, `${configMaps()}&sort=-name`);
      await row(sorted, "third").waitFor();
      const text = await sorted.locator("main table tbody").innerText();
      assert.ok(text.indexOf("third") < text.indexOf("second") && text.indexOf("second") < text.indexOf("first"), text);
      const wrong = await open(context, world, `${configMaps()}&q=colour:red`);
      assert.match(await wrong.locator("main").innerText(), /colour/);
      await Promise.all([page, sorted, wrong].map((one) => one.close()));
    });

    test("pages work without script", async () => {
      const plain = await session(browser, world, { javaScriptEnabled: false });
      const page = await open(plain, world, configMaps());
      await rows(page);
      await page.locator("main input[name=q]").fill("name:first");
      await page.locator("main input[name=q]").press("Enter");
      await row(page, "first").waitFor();
      assert.equal(await row(page, "second").count(), 0);
      assert.match(page.url(), /q=/);
      await row(page, "first").locator("a").first().click();
      await page.waitForURL(/configmaps\/namespaces\/browser-test\/first/);
      assert.match(await page.locator("main").innerText(), /first/);
      await plain.close();
    });

    test("the keyboard reaches everything", async () => {
      const page = await open(context, world, configMaps());
      await row(page, "first").waitFor();
      await page.keyboard.press("Tab");
      const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
      assert.match(await focused(), /^Skip to/);
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement.closest("main") !== null), true);
      const seen = new Set();
      for (let step = 0; step < 40 && !seen.has("first"); step++) {
        await page.keyboard.press("Tab");
        seen.add(await focused());
        const visible = await page.evaluate(() => {
          const box = document.activeElement.getBoundingClientRect();
          const style = getComputedStyle(document.activeElement);
          const marked = style.outlineStyle !== "none" || style.boxShadow !== "none";
          return document.activeElement === document.body || (marked && box.width > 0);
        });
        assert.ok(visible, `the focus on ${JSON.stringify([...seen].at(-1))} can be seen`);
      }
      assert.ok(seen.has("first"), `a row's link is reached: ${[...seen].join(", ")}`);
      await page.keyboard.press("Enter");
      await page.waitForURL(/configmaps\/namespaces\/browser-test\/first/);
      assert.deepEqual(page.complaints, []);
      await page.close();
    });

    test("a console that does not answer says so, also to a click", async () => {
      const page = await open(context, world, configMaps());
      await row(page, "first").waitFor();
      const banner = page.locator("#lost");
      assert.equal(await banner.isVisible(), false);
      await context.setOffline(true);
      await page.locator("main thead a").first().click();
      await banner.waitFor();
      assert.match(await banner.innerText(), /does not answer/);
      assert.equal(await page.locator("header .connection .words").isVisible(), false);
      await context.setOffline(false);
      await banner.waitFor({ state: "hidden", timeout: 60_000 });
      await row(page, "first").waitFor();
      await page.close();
    });

    test("the palette finds places", async () => {
      const page = await open(context, world, pages.get("overview"));
      await page.keyboard.press("Control+k");
      const palette = page.locator("dialog#palette");
      await palette.waitFor();
      await palette.locator("input").fill("pods");
      await palette.getByRole("option").first().waitFor();
      // As a page does that still waits for something.
      await page.evaluate(() => globalThis.htmx.ajax("GET", location.pathname, { target: "#shell", swap: "outerMorph", select: "#shell" }));
      assert.ok(await palette.getByRole("option").count() > 0, "what was found stays when the page is fetched again");
      await page.keyboard.press("Escape");
      await palette.waitFor({ state: "hidden" });
      assert.deepEqual(page.complaints, []);
      await page.close();
    });

    test("nothing overflows at any width", async () => {
      for (const [name, path] of pages) {
        const page = await open(context, world, path);
        for (const width of [1400, 1024, 390]) {
          await page.setViewportSize({ width, height: 800 });
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
          assert.ok(overflow <= 0, `${name} at ${width} pixels is ${overflow} too wide`);
        }
        await page.close();
      }
    });

    // The pages are the same on both clusters.
    test("a long image does not make the containers too wide, and what is too wide for a telephone says so", { skip: kind !== "demo" }, async () => {
      const image = `registry.example/${"department/".repeat(5)}trainer-with-everything:v1.2.3-cuda12.8`;
      const resources = { requests: { cpu: "500m", memory: "512Mi" }, limits: { cpu: "1500m", memory: "1536Mi", "nvidia.com/gpu": "1" } };
      const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "wide" }, spec: { containers: [{ name: "trainer-of-models", image, resources }] } };
      world.kubectl("-n", NAMESPACE, "create", "-f", "-", pod);
      const list = pages.get("pods").split("?")[0];
      const page = await open(context, world, `${list}/namespaces/${NAMESPACE}/wide`);
      const table = page.getByRole("region", { name: "Containers", exact: true });
      await table.waitFor();
      for (const [width, hidden] of [[1400, false], [390, true]]) {
        await page.setViewportSize({ width, height: 800 });
        const told = await table.evaluate((box) => [box.scrollWidth > box.clientWidth, getComputedStyle(box.parentElement, "::after").opacity]);
        assert.deepEqual(told, [hidden, hidden ? "1" : "0"], `at ${width} pixels`);
      }
      await table.evaluate((box) => box.scrollTo({ left: box.scrollWidth }));
      await page.waitForFunction(() => getComputedStyle(document.querySelector(".sideways:has([aria-label=Containers])"), "::after").opacity === "0");
      await page.close();
    });

    // The pages are the same on both clusters.
    test("keys as long as they may be do not make a page too wide", { skip: kind !== "demo" }, async () => {
      const prefix = Array(4).fill("a".repeat(62)).join(".");
      const metadata = { name: "long", annotations: { [`${prefix}/${"n".repeat(63)}`]: "x" } };
      const data = { ["k".repeat(253)]: "value" };
      world.kubectl("-n", NAMESPACE, "create", "-f", "-", { apiVersion: "v1", kind: "ConfigMap", metadata, data });
      const page = await open(context, world, `${configMaps().split("?")[0]}/namespaces/${NAMESPACE}/long`);
      await page.locator("#data").waitFor();
      await page.locator("#annotations summary").click();
      for (const width of [1400, 390]) {
        await page.setViewportSize({ width, height: 800 });
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.ok(overflow <= 0, `at ${width} pixels it is ${overflow} too wide`);
      }
      await page.close();
    });

    // The pages are the same on both clusters.
    test("the main pages are accessible, light and dark", { skip: kind !== "demo" }, async () => {
      const found = [];
      for (const colorScheme of ["light", "dark"]) {
        // The short highlight of what changed is not what is looked at here.
        const quiet = await session(browser, world, { colorScheme, reducedMotion: "reduce" });
        for (const [name, path] of pages) {
          const page = await open(quiet, world, path);
          const rules = colorScheme === "dark" ? ["color-contrast"] : [];
          found.push(...(await violations(page, rules)).map((one) => `${name}, ${colorScheme}: ${one}`));
          await page.close();
        }
        await quiet.close();
      }
      assert.deepEqual(found, []);
    });

    test("nobody comes in without the launch secret", async () => {
      const stranger = await browser.newContext();
      for (const path of [...pages.values(), "/api/v1/clusters"]) {
        const answer = await stranger.request.get(new URL(path, world.origin).href);
        assert.ok([401, 403].includes(answer.status()), `${path}: ${answer.status()}`);
      }
      await stranger.close();
    });
  });
}
