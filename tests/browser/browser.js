// A headless Chromium that sees what a page should not do: errors on its console, requests to another host, dialogs.

import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const axe = fs.readFileSync(fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

const SIZES = { desktop: { width: 1280, height: 900 }, phone: { width: 390, height: 844 } };

export class Browser {
  #browser;
  #folder;
  faults = [];

  constructor(browser, base, folder) {
    this.#browser = browser;
    this.#folder = folder;
    this.base = base;
    fs.mkdirSync(folder, { recursive: true });
  }

  static async open(base, folder) {
    const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
    args.push("--disable-component-update", "--disable-sync");
    const executablePath = process.env.TASKSERVER_TEST_CHROMIUM ?? "/usr/bin/chromium";
    return new Browser(await chromium.launch({ executablePath, args }), base, folder);
  }

  close() {
    return this.#browser.close();
  }

  fault(text) {
    this.faults.push(text);
  }

  // A window of its own, without anything that another one has stored.
  async window({ size = "desktop", scheme = "light", scripts = true } = {}) {
    const options = { viewport: SIZES[size], colorScheme: scheme, javaScriptEnabled: scripts };
    const context = await this.#browser.newContext(options);
    const page = await context.newPage();
    const place = () => new URL(page.url()).pathname;
    page.on("console", (message) => message.type() === "error" && this.fault(`${place()}: console: ${message.text()}`));
    page.on("pageerror", (error) => this.fault(`${place()}: ${error}`));
    page.on("dialog", (dialog) => {
      this.fault(`${place()}: a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(this.base)) this.fault(`${place()}: a request to ${request.url()}`);
    });
    return page;
  }

  // Looks at a page as a whole: is it accessible, does it fit, what does it look like?
  async inspect(page, name) {
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (overflow > 0) this.fault(`${name}: ${overflow} pixels too wide`);
    const inline = await page.evaluate(() => document.querySelectorAll("[style], style, script:not([src])").length);
    if (inline > 0) this.fault(`${name}: ${inline} inline styles or scripts`);
    // Only now, since for a picture Playwright writes styles of its own.
    await page.screenshot({ path: path.join(this.#folder, `${name}.png`), fullPage: true });
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    for (const { id, help, nodes } of violations) this.fault(`${name}: axe: ${id}: ${help}: ${nodes[0].html}`);
  }

  // Opens a path in every size and scheme, and inspects it.
  async look(path, name, prepare = async () => {}) {
    for (const [size, scheme] of [["desktop", "light"], ["desktop", "dark"], ["phone", "light"], ["phone", "dark"]]) {
      const page = await this.window({ size, scheme });
      await prepare(page);
      await page.goto(this.base + path);
      await this.inspect(page, `${name}-${size}-${scheme}`);
      await page.context().close();
    }
  }

  async expect(page, text, name) {
    const content = await page.locator("body").innerText();
    if (!content.includes(text)) this.fault(`${name}: no ${JSON.stringify(text)} in\n${content.slice(0, 2000)}`);
  }
}
