// The browser, and pages that remember what went wrong on them.
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Starts a browser with a profile of its own that calls nobody. */
export function launch() {
  const found = spawnSync("sh", ["-c", "command -v chromium chromium-browser google-chrome | head -n 1"], { encoding: "utf8" });
  return chromium.launch({
    executablePath: process.env.PILOTHOUSE_CHROMIUM ?? found.stdout.trim(),
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
      "--font-render-hinting=none",
    ],
  });
}

/** A signed-in context: the launch address has been opened once. */
export async function session(browser, world, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(world.url);
  await page.close();
  return context;
}

/** A page whose `complaints` are its console errors, exceptions, broken policies and calls to the outside. */
export async function open(context, world, path) {
  const page = await context.newPage();
  page.complaints = [];
  page.on("console", (message) => {
    if (message.type() === "error") page.complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => page.complaints.push(`exception: ${error}`));
  page.on("request", (request) => {
    if (/^https?:/.test(request.url()) && new URL(request.url()).origin !== world.origin) {
      page.complaints.push(`outside: ${request.url()}`);
    }
  });
  const response = await page.goto(new URL(path, world.origin).href, { waitUntil: "domcontentloaded" });
  page.answer = response.status();
  return page;
}

/** The serious and critical violations of WCAG A and AA on a page, one line each; of some rules only, where they are named. */
export async function violations(page, rules = []) {
  await page.evaluate(axeSource);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
  const runOnly = rules.length > 0 ? { type: "rule", values: rules } : { type: "tag", values: tags };
  const options = { runOnly, resultTypes: ["violations"] };
  const result = await page.evaluate((asked) => globalThis.axe.run(document, asked), options);
  return result.violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .map((violation) => {
      const nodes = violation.nodes.slice(0, 3).map((node) => `${node.html} (${node.any[0]?.message ?? ""})`);
      return `${violation.id}: ${violation.help}: ${nodes.join(" | ")}`;
    });
}
