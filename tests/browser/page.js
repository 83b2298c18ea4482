// node page.js SCENARIO BASE FOLDER [TOKEN]: meets a running server as people with a browser do. Says what is wrong, if anything is.

import { Browser } from "./browser.js";

const [scenario, base, folder, token] = process.argv.slice(2);
const browser = await Browser.open(base, folder);

const signIn = async (page) => {
  await page.goto(`${base}/login`);
  await page.fill("#token", token);
  await page.click("button[type=submit]");
  await page.waitForURL(`${base}/`);
};

// How long it takes until a page shows what another one has done, in milliseconds.
const delay = async (page, locator, act) => {
  const shown = page.locator(locator).waitFor({ timeout: 20000 });
  await act();
  const begin = performance.now();
  await shown;
  return performance.now() - begin;
};

const scenarios = {
  // Every page with real data, among it the message of an event that would like to be markup.
  async full() {
    for (const path of ["/", "/?range=7d", "/?range=30d", "/tasks/analytics", "/events", "/events?type=Warning", "/configuration"]) {
      await browser.look(path, `full${path.replaceAll(/[^a-z0-9]+/g, "-")}`);
    }
    const page = await browser.window();
    await page.goto(`${base}/`);
    await browser.expect(page, "Everything works", "verdict");
    const lines = await page.locator("#figures svg .line").count();
    if (lines < 6) browser.fault(`${lines} lines in place of six`);
    await page.locator("#figures svg .reading .hit").nth(40).hover();
    const reading = page.locator("#figures svg .reading").nth(40).locator(".value");
    if (!(await reading.isVisible())) browser.fault("no value where the pointer is");
    await page.goto(`${base}/events`);
    await browser.expect(page, "<img src=x onerror=alert(1)>", "hostile event");
    await browser.expect(page, "⟨U+202E⟩", "hostile event");
    if (await page.locator("#stream img").count()) browser.fault("the message of an event is markup");
    // The filters do without scripts.
    const plain = await browser.window({ scripts: false });
    await plain.goto(`${base}/events`);
    await plain.fill("input[name=reason]", "Hostile");
    await plain.click("form.filters button");
    await browser.expect(plain, "<img src=x onerror=alert(1)>", "filtered");
    const shown = await plain.locator(".events > li").count();
    if (shown !== 1) browser.fault(`${shown} events in place of the filtered one`);
  },

  // An operator signs in, and what they do is seen in another window within a second.
  async live() {
    const watching = await browser.window();
    await watching.goto(`${base}/`);
    await watching.locator(".online").waitFor();
    const table = watching.locator("#figures-table");
    await table.locator("summary").click();
    const operator = await browser.window();
    await signIn(operator);
    await browser.inspect(operator, "live-signed-in");
    const press = (name) => () => operator.locator("#task-monitoring").getByRole("button", { name }).click();
    const times = [];
    for (let round = 0; round < 3; round++) {
      await operator.goto(`${base}/`);
      times.push(await delay(watching, "#task-monitoring .label.warning", press("Pause")));
      await operator.goto(`${base}/`);
      const resumed = watching.locator("#task-monitoring .label.warning").waitFor({ state: "detached", timeout: 20000 });
      await press("Resume")();
      await resumed;
    }
    console.log(`seen after ${times.map((time) => `${time.toFixed(0)} ms`).join(", ")}`);
    if (Math.min(...times) > 1000) browser.fault("no change is seen within a second");
    if (!(await table.evaluate((details) => details.open))) browser.fault("what a reader has opened is closed");
    await operator.goto(`${base}/`);
    await operator.getByRole("button", { name: "Sign out" }).click();
    await operator.getByRole("link", { name: "Sign in" }).waitFor();
  },

  // Nothing has happened yet.
  async empty() {
    await browser.look("/", "empty");
    await browser.look("/tasks/analytics-maintenance", "empty-task");
    const page = await browser.window();
    await page.goto(`${base}/`);
    await browser.expect(page, "No data in this time yet.", "empty");
  },

  // The database is down: the page comes all the same, and says so.
  async down() {
    await browser.look("/", "down");
    const page = await browser.window();
    const begin = performance.now();
    await page.goto(`${base}/`);
    if (performance.now() - begin > 5000) browser.fault("a page of a server without a database takes its time");
    await browser.expect(page, "Not working", "down");
    await browser.expect(page, "database down since", "down");
  },

  // Nobody sees anything before they have signed in.
  async protected() {
    await browser.look("/", "login");
    const page = await browser.window();
    await page.goto(`${base}/tasks/monitoring`);
    await page.fill("#token", "not a token");
    // Being refused is no fault of the page.
    const faults = browser.faults.length;
    await page.click("button[type=submit]");
    await browser.expect(page, "This token is not accepted.", "refused");
    await browser.inspect(page, "login-refused");
    browser.faults = browser.faults.filter((fault, index) => index < faults || !fault.includes("401"));
    await page.fill("#token", token);
    await page.click("button[type=submit]");
    await page.waitForURL(`${base}/tasks/monitoring`);
    await browser.expect(page, "Run now", "signed in");
  },
};

try {
  await scenarios[scenario]();
} catch (error) {
  browser.fault(String(error.stack));
} finally {
  await browser.close();
}
for (const fault of browser.faults) console.error(fault);
process.exit(browser.faults.length > 0 ? 1 : 0);
