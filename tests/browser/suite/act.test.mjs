// What a person does in the console: logs, deleting, scaling, editing, values of Secrets; with script and without.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open, session, violations } from "../lib/browser.mjs";
import * as worlds from "../lib/world.mjs";

const NAMESPACE = "act-test";
const VALUE = "hunter2";

describe("what a person does", () => {
  let world, browser, context, base;

  before(async () => {
    [world, browser] = await Promise.all([worlds.demo(), launch()]);
    world.kubectl("create", "namespace", NAMESPACE);
    for (const name of ["goes", "stays", "edited"]) {
      world.kubectl("-n", NAMESPACE, "create", "configmap", name, "--from-literal=a=1");
    }
    world.kubectl("-n", NAMESPACE, "create", "secret", "generic", "keys", `--from-literal=key=${VALUE}`);
    context = await session(browser, world);
    const page = await open(context, world, "/");
    base = new URL(page.url()).pathname.split("/").slice(0, 3).join("/");
    await page.close();
  });

  after(async () => {
    await browser?.close();
    await world?.stop();
  });

  const at = (plural, name) => `${base}/r/core/v1/${plural}/namespaces/${NAMESPACE}/${name}`;
  const names = () => world.kubectl("-n", NAMESPACE, "get", "configmaps", "-o", "name");

  test("an object is deleted after one more question, and says so", async () => {
    const page = await open(context, world, at("configmaps", "goes"));
    await page.click("ul.offers >> text=Delete");
    await page.waitForSelector("h1:has-text('Delete ConfigMap goes?')");
    assert.deepEqual(await violations(page), []);
    await page.click("button[name=try]");
    await page.waitForSelector("text=nothing has changed");
    assert.match(names(), /configmap\/goes/, "it was only tried");
    await page.click("form .primary");
    await page.waitForURL(/did=delete/);
    await page.waitForSelector(".notice:has-text('Done: delete')");
    assert.doesNotMatch(names(), /configmap\/goes/);
    assert.match(names(), /configmap\/stays/);
    assert.deepEqual(page.complaints.filter((one) => !one.includes("404")), []);
    await page.close();
  });

  test("it works without script", async () => {
    world.kubectl("-n", NAMESPACE, "create", "configmap", "plain", "--from-literal=a=1");
    const plain = await session(browser, world, { javaScriptEnabled: false });
    const page = await open(plain, world, at("configmaps", "plain"));
    await page.click("ul.offers >> text=Delete");
    await page.click("form .primary");
    await page.waitForSelector(".notice:has-text('Done: delete')");
    assert.doesNotMatch(names(), /configmap\/plain/);
    await plain.close();
  });

  test("an edit is saved; one that somebody else overtook is kept on the page and not saved", async () => {
    const page = await open(context, world, at("configmaps", "edited"));
    await page.click("ul.offers >> text=Edit");
    const text = page.locator("textarea");
    await text.waitFor();
    assert.deepEqual(await violations(page), []);
    await text.fill((await text.inputValue()).replace(/a: "?1"?/, 'a: "mine"'));
    world.kubectl("-n", NAMESPACE, "patch", "configmap", "edited", "-p", '{"data":{"b":"theirs"}}');
    await page.click("text=Save");
    await page.waitForSelector(".notice.error");
    assert.match(await text.inputValue(), /mine/, "what was written is not lost");
    await page.goto(new URL(at("configmaps", "edited"), world.origin).href);
    await page.click("ul.offers >> text=Edit");
    await text.waitFor();
    await text.fill((await text.inputValue()).replace(/a: "?1"?/, 'a: "mine"'));
    await page.click("text=Save");
    await page.waitForURL(/did=edit/);
    const saved = world.kubectl("-n", NAMESPACE, "get", "configmap", "edited", "-o", "jsonpath={.data}");
    assert.deepEqual(JSON.parse(saved), { a: "mine", b: "theirs" });
    await page.close();
  });

  test("values of a Secret show only when they are asked for", async () => {
    const page = await open(context, world, at("secrets", "keys"));
    await page.waitForSelector("text=hidden, 7 bytes");
    assert.ok(!(await page.content()).includes(VALUE));
    await page.click("text=Reveal values");
    await page.waitForSelector(`dl.entries pre:has-text("${VALUE}")`);
    await page.reload().catch(() => undefined);
    await page.goto(page.url());
    await page.waitForSelector("text=hidden, 7 bytes");
    await page.close();
  });

  test("a pod's log comes in and goes on", async () => {
    const page = await open(context, world, `${base}/r/core/v1/pods?q=${encodeURIComponent("state:running ns:kubeflow")}`);
    const pod = await page.locator("main tbody tr a[href*='/pods/']").first().getAttribute("href");
    await page.goto(new URL(`${pod.split("?")[0]}?view=logs`, world.origin).href);
    await page.waitForFunction(() => document.querySelector("pre.log")?.textContent?.includes("\n"));
    const before = await page.locator("pre.log").textContent();
    assert.deepEqual(await violations(page), []);
    await page.waitForFunction((length) => document.querySelector("pre.log").textContent.length > length, before.length);
    const [file] = await Promise.all([page.waitForEvent("download"), page.click("text=Save as text")]);
    assert.match(file.suggestedFilename(), /\.log$/);
    assert.deepEqual(page.complaints, []);
    await page.close();
  });
});
