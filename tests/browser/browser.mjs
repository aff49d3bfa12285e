// Headless Chromium: how it is started, what a page is not allowed to do, and where pictures go.
import assert from "node:assert/strict";
import fs from "node:fs/promises";
import { test } from "node:test";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const modules = createRequire(path.join(process.env.NAVE_BROWSER_MODULES, "_.js"));
const { chromium } = modules("playwright-core");
const axe = await fs.readFile(modules.resolve("axe-core/axe.min.js"), "utf8");

export const shots = process.env.NAVE_SHOTS ?? (await fs.mkdtemp(path.join(os.tmpdir(), "nave-shots-")));
await fs.mkdir(shots, { recursive: true });

const PATIENCE_MS = Number(process.env.NAVE_PATIENCE_MS ?? 15_000);

export function launch() {
  // A user-data-dir of its own, made and removed by Playwright.
  return chromium.launch({
    executablePath: process.env.NAVE_CHROMIUM,
    headless: true,
    args: [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}

/** A browser profile that notes in `problems` whatever a page complains about: exceptions, console, policy, dialogs. */
export async function visitor(browser, url, problems, options = {}, broken) {
  const context = await browser.newContext({ baseURL: url, viewport: { width: 1280, height: 800 }, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const note = (what) => problems.push(`${new URL(page.url(), url).pathname}: ${what}`);
  // Chromium reports what the Content-Security-Policy refused on the console too.
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && note(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => note(`exception: ${error.message}`));
  page.on("response", (response) => response.status() >= 500 && note(`${response.status()} from ${response.url()}`));
  page.on("request", (request) => new URL(request.url()).origin !== url && note(`it asks another host: ${request.url()}`));
  page.on("dialog", (dialog) => { note(`dialog: ${dialog.message()}`); return dialog.dismiss(); });
  if (broken) await broken(context);
  return { context, page };
}

/** Keeps a picture of the whole page. */
export async function picture(page, name) {
  await page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
}

/** What an automatic reviewer holds against the page: WCAG 2.1 A and AA, contrast among them. One line for each. */
export async function barriers(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"] }));
  return found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 120)}: ${node.failureSummary.split("\n")[1]?.trim()}`));
}

/** Signs in with a token, as whoever has it does. */
export async function signIn(page, token) {
  await page.goto("/login");
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.waitForURL("/");
}

/** Presses Tab until the focus is where a person wants it; on the way every stop must be visible. */
export async function tabTo(page, locator, what, steps = 60) {
  for (let step = 0; step < steps; step += 1) {
    await page.keyboard.press("Tab");
    if ((await locator.count()) && (await locator.evaluate((node) => node === document.activeElement))) {
      const outline = await locator.evaluate((node) => getComputedStyle(node).outlineStyle);
      assert.notEqual(outline, "none", `nothing shows that ${what} has the focus`);
      return;
    }
  }
  assert.fail(`${steps} times Tab does not lead to ${what}`);
}

export const texts = (locator) => locator.evaluateAll((nodes) => nodes.map((node) => node.textContent.trim()));

/**
 * Makes checks. Where one fails, a picture of what was there is kept; with `story`, those after it are skipped: they go on from where
 * it would have ended.
 */
export function checks(page, { story = false } = {}) {
  let broke;
  return (name, body) => test(name, async (context) => {
    if (story && broke) return context.skip(`after “${broke}”`);
    try {
      await body();
    } catch (error) {
      broke ??= name;
      if (page()) await picture(page(), `failed-${name.replaceAll(/\W+/g, "-")}`).catch(() => {});
      throw error;
    }
  });
}

/** What is wrong with the page that is open, at each of these sizes: too wide for it, or hard to use or to read. One line for each. */
export async function wrongs(page, name, sizes) {
  const wrong = [];
  for (const [size, viewport] of sizes) {
    await page.setViewportSize(viewport);
    await picture(page, `${name}-${size}`);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    if (content > window) wrong.push(`${name} (${size}): ${content} px wide in a window of ${window} px`);
    wrong.push(...(await barriers(page)).map((line) => `${name} (${size}): ${line}`));
  }
  return wrong;
}
