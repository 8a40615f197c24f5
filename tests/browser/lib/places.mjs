// The console's main pages, found by following its own links.
import { open } from "./browser.mjs";

/** Waits until a list has rows. */
export async function rows(page) {
  await page.locator("main table tbody tr").first().waitFor();
}

/** Addresses of the main pages by name: the landing pages, a list, and an object's page. */
export async function mainPages(context, world) {
  const page = await open(context, world, "/");
  await page.locator("#navigation a", { hasText: /^Pods$/ }).waitFor({ state: "attached", timeout: 60_000 });
  const links = await page.locator("#navigation a").evaluateAll((all) => all.map((a) => [a.textContent.trim(), a.getAttribute("href")]));
  const link = (name) => links.find(([text]) => text === name)?.[1];
  const pages = new Map([["overview", link("Overview")], ["workloads", link("Workloads")], ["pods", link("Pods")], ["clusters", "/clusters"]]);
  const place = links.find(([, href]) => href.includes("/i/kubeflow"));
  if (place) pages.set("kubeflow", place[1]);
  const nodes = link("Nodes");
  if (nodes) pages.set("nodes", nodes);
  await page.goto(new URL(link("Pods"), world.origin).href);
  await rows(page);
  pages.set("pod", await page.locator("main table tbody tr a").first().getAttribute("href"));
  await page.close();
  return { pages, links: links.map(([, href]) => href) };
}
