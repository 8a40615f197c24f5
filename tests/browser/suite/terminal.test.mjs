// A terminal of a pod in the browser: typed, echoed, left with the keyboard, ended, connected again; under the console's policy.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open, session, violations } from "../lib/browser.mjs";
import * as worlds from "../lib/world.mjs";

const POD = "/c/admin/r/core/v1/pods/namespaces/a/web";

describe("a terminal of a pod", () => {
  let world, browser, context;

  before(async () => {
    [world, browser] = await Promise.all([worlds.running(), launch()]);
    context = await session(browser, world);
  });

  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  const state = (page, words) => page.waitForSelector(`[data-terminal-state]:has-text("${words}")`);
  const shows = (page, words) => page.waitForSelector(`.xterm-rows:has-text("${words}")`);

  async function connected(page, container, command) {
    await page.selectOption("[name=container]", container);
    await page.fill("[name=command]", command);
    await page.click("[data-terminal-connect]");
    await state(page, `Connected to the container ${container}.`);
  }

  test("what is typed is run and what it prints is shown, in colour, and nothing breaks the policy", async () => {
    const page = await open(context, world, POD);
    const loaded = [];
    page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
    await page.click("ul.offers >> text=Terminal");
    await page.waitForSelector("[data-terminal-connect]");
    assert.deepEqual(await violations(page), []);
    assert.ok(!loaded.some((path) => /terminal-.*\.js/.test(path)), "what draws a terminal comes when one is opened");
    await connected(page, "main", "sh");
    assert.ok(loaded.some((path) => /terminal-.*\.js/.test(path)));
    await page.keyboard.type("printf '\\033[31m%s\\033[0m \\033[38;2;9;9;9m%s\\033[0m \\033[7mback\\033[0m <b>%s</b>\\n' re''d da''rk bo''ld\n");
    await shows(page, "red dark back <b>bold</b>");
    const colours = await page.evaluate(() => {
      const spans = [...document.querySelectorAll(".xterm-rows span")];
      const of = (text) => getComputedStyle(spans.find((span) => span.textContent === text)).color;
      return [of("red"), of("dark"), getComputedStyle(document.querySelector(".xterm")).color];
    });
    assert.equal(new Set(colours).size, 3, `each its own: ${colours}`);
    assert.deepEqual(await violations(page), []);
    assert.equal(await page.locator(".xterm-rows b").count(), 0, "nothing of it is HTML");

    await page.keyboard.press("Shift+F6");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Disconnect");
    await page.keyboard.press("Shift+Tab");
    await page.click(".terminal-box");
    await page.keyboard.type("exit 3\n");
    await state(page, "The command ended with exit code 3.");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Connect again");
    await page.keyboard.press("Enter");
    await state(page, "Connected to the container main.");
    await page.click("[data-terminal-end]");
    await state(page, "Disconnected.");

    await page.selectOption("[name=container]", "side");
    await page.fill("[name=command]", "no-such-program");
    await page.click("[data-terminal-connect]");
    await state(page, "executable file not found");
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test("it follows its size, the theme and the person; another page ends it", async () => {
    const page = await open(context, world, `${POD}?view=terminal`);
    await connected(page, "main", "sh");
    const ground = () => page.evaluate(() => getComputedStyle(document.querySelector(".xterm-scrollable-element")).backgroundColor);
    const before = await ground();
    await page.click("[data-theme-switch]");
    await page.waitForFunction((was) => getComputedStyle(document.querySelector(".xterm-scrollable-element")).backgroundColor !== was, before);
    const columns = () => page.locator(".xterm-rows > div").first().evaluate((row) => row.getBoundingClientRect().width);
    const wide = await columns();
    await page.setViewportSize({ width: 390, height: 800 });
    await page.waitForFunction((was) => document.querySelector(".xterm-rows > div").getBoundingClientRect().width < was, wide);
    assert.deepEqual(await violations(page), []);
    await page.check("[name=reader]");
    await page.waitForSelector(".xterm-accessibility", { state: "attached" });
    await page.click(".terminal-box");
    await page.keyboard.type("echo sp''oken\n");
    await page.waitForSelector(".xterm-accessibility-tree:has-text('spoken')", { state: "attached" });
    await page.click("nav.tabs >> text=Events");
    await page.waitForSelector("[data-terminal]", { state: "detached" });
    await page.click("ul.offers >> text=Terminal");
    await page.waitForSelector("[data-terminal-connect]:visible");
    assert.ok(await page.isChecked("[name=reader]"), "it is remembered who uses a screen reader");
    assert.deepEqual(page.complaints, []);
    await page.close();
  });

  test("it outlives the page around it being fetched again; without script it says how else", async () => {
    const page = await open(context, world, `${POD}?view=terminal`);
    await connected(page, "main", "sh");
    await page.keyboard.type("echo be''fore\n");
    await shows(page, "before");
    await page.click("nav.tabs >> text=Terminal");
    await page.waitForLoadState("networkidle");
    await page.click(".terminal-box");
    await page.keyboard.type("echo af''ter\n");
    await shows(page, "after");
    await shows(page, "before");
    const plain = await session(browser, world, { javaScriptEnabled: false });
    const without = await open(plain, world, `${POD}?view=terminal`);
    assert.match(await without.innerText("[data-terminal-state]"), /pilothouse exec -it -n a web -- sh/);
    await plain.close();
    world.kubectl("-n", "a", "delete", "pod", "web", "--grace-period=0", "--force");
    await page.waitForSelector("text=Deleted. This is the last version seen.");
    await shows(page, "after");
    assert.deepEqual(page.complaints, []);
    await page.close();
  });
});
