// ComfyUI's page in a real browser: opening it, loading workflows, and editing as a person would.

import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

export const EXAMPLES = new URL("../../examples/", import.meta.url);
export const PLOT = "[data-testid=mask-guidance-schedule]";

/** What the page's console may say; anything else there is an error of ours. */
const HARMLESS = [
  /status of 404 .*\/(user\.css|comfy\.templates\.json)$/, // files that a fresh user has not got
  /status of 404 .*\/api\/userdata\?dir=/, // folders that a fresh user has not got
  /status of 404 .*\/docs\/MaskGuidance\w+\/\w+\.md$/, // help in a language; the page then asks for ID.md
  /net::ERR_FAILED .*https:\/\//, // hosts that these tests keep the page from
  /ComfyApp graph accessed before initialization/, // the page's own
];

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The page with one of its two ways to draw nodes. */
export class Comfy {
  static async open(address, vue, chromiumPath) {
    const comfy = new Comfy();
    Object.assign(comfy, { address, vue, errors: [] });
    await comfy.set({
      "Comfy.VueNodes.Enabled": vue,
      "Comfy.TutorialCompleted": true,
      "Comfy.Minimap.Visible": false,
      "Comfy.Locale": "en",
      "Comfy.ColorPalette": "dark",
      "Comfy.Workflow.Persist": false,
    });
    comfy.browser = await chromium.launch({ executablePath: chromiumPath, args: FLAGS });
    const context = await comfy.browser.newContext({ viewport: { width: 1400, height: 900 } });
    comfy.page = await context.newPage();
    comfy.page.setDefaultTimeout(30_000);
    comfy.page.on("pageerror", (error) => comfy.errors.push(String(error.stack ?? error)));
    comfy.page.on("console", (line) => {
      const said = `${line.text()} ${line.location().url}`;
      if (line.type() === "error" && !HARMLESS.some((pattern) => pattern.test(said))) comfy.errors.push(said);
    });
    await comfy.page.route(
      (url) => url.hostname !== "127.0.0.1",
      (route) => route.abort(),
    );
    await comfy.reload();
    return comfy;
  }

  async close() {
    await this.browser.close();
  }

  /** Settings are kept by the server, for whoever opens the page next. */
  async set(settings) {
    for (const [id, value] of Object.entries(settings)) {
      await fetch(`${this.address}/api/settings/${id}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(value),
      });
    }
  }

  async reload() {
    await this.page.goto(this.address, { waitUntil: "domcontentloaded" });
    await this.page.waitForFunction(() => window.app?.extensionManager?.spinner === false, null, { timeout: 120_000 });
    await this.page.evaluate(() => {
      window.heard = [];
      for (const kind of ["progress", "execution_success", "execution_error", "execution_interrupted"]) {
        window.app.api.addEventListener(kind, ({ detail }) => window.heard.push({ kind, ...detail }));
      }
    });
  }

  /** Show a workflow at full size, its nodes drawn, the one given in view. */
  async load(workflow, node) {
    await this.page.evaluate((json) => window.app.loadGraphData(json), workflow);
    if (node !== undefined) await this.show(node);
  }

  async loadExample(name, node) {
    const workflow = JSON.parse(readFileSync(new URL(`${name}.json`, EXAMPLES), "utf-8"));
    await this.load(workflow, node);
  }

  /** Bring a node to the upper left of the window, at full size. */
  async show(id) {
    await this.page.evaluate((wanted) => {
      const { app } = window;
      const node = app.canvas.graph.getNodeById(wanted);
      app.canvas.ds.scale = 1;
      app.canvas.ds.offset = [160 - node.pos[0], 130 - node.pos[1]];
      app.canvas.setDirty(true, true);
    }, id);
    await this.settle();
  }

  /** Two frames and what they set off. */
  async settle(milliseconds = 150) {
    await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await this.page.waitForTimeout(milliseconds);
  }

  /** What a node's schedule widget says: [calls, more, label]. */
  async said(id) {
    return await this.page.evaluate((wanted) => {
      const { element } = window.app.canvas.graph
        .getNodeById(wanted)
        .widgets.find((w) => w.type === "mask_guidance_schedule");
      const text = (name) => element.querySelector(name).textContent;
      return { calls: text(".calls"), more: text(".more"), label: element.ariaLabel, classes: element.className };
    }, id);
  }

  async values(id) {
    return await this.page.evaluate((wanted) => {
      const { widgets } = window.app.canvas.graph.getNodeById(wanted);
      return Object.fromEntries(widgets.map((w) => [w.name, w.value]));
    }, id);
  }

  /** Click the arrow that makes a number of a node one step larger. */
  async increase(id, name) {
    if (this.vue) {
      await this.page.locator(`[data-node-id="${id}"] [aria-label="${name}"]`).getByTestId("increment").click();
    } else {
      const at = await this.page.evaluate(
        ([wanted, input]) => {
          const { canvas } = window.app;
          const node = canvas.graph.getNodeById(wanted);
          const widget = node.widgets.find((w) => w.name === input);
          const inside = [node.pos[0] + node.size[0] - 24, node.pos[1] + widget.last_y + 10];
          const [x, y] = canvas.ds.convertOffsetToCanvas(inside);
          const box = canvas.canvas.getBoundingClientRect();
          return [x + box.left, y + box.top];
        },
        [id, name],
      );
      await this.page.mouse.click(...at);
    }
    await this.settle(300);
  }

  /** Choose from a list as a person does, in the list that opens. */
  async choose(id, name, option) {
    if (this.vue) {
      await this.page.locator(`[data-node-id="${id}"]`).getByRole("combobox", { name, exact: true }).click();
      await this.page.getByRole("option", { name: option, exact: true }).click();
    } else {
      const at = await this.page.evaluate(
        ([wanted, input]) => {
          const { canvas } = window.app;
          const node = canvas.graph.getNodeById(wanted);
          const widget = node.widgets.find((w) => w.name === input);
          const [x, y] = canvas.ds.convertOffsetToCanvas([node.pos[0] + 120, node.pos[1] + widget.last_y + 10]);
          const box = canvas.canvas.getBoundingClientRect();
          return [x + box.left, y + box.top];
        },
        [id, name],
      );
      await this.page.mouse.click(...at);
      await this.page.locator(".litecontextmenu .litemenu-entry").getByText(option, { exact: true }).click();
    }
    await this.settle(300);
  }

  async press(keys) {
    await this.page.keyboard.press(keys);
    await this.settle(500);
  }

  /** Set a widget as an extension would, its callback called. */
  async put(id, settings) {
    await this.page.evaluate(
      ([wanted, values]) => {
        const node = window.app.canvas.graph.getNodeById(wanted);
        for (const [name, value] of Object.entries(values)) {
          const widget = node.widgets.find((w) => w.name === name);
          widget.value = value;
          widget.callback?.(value);
        }
      },
      [id, settings],
    );
    await this.settle();
  }

  /** Queue what is shown; false: the server refused it. */
  async queue() {
    await this.page.evaluate(() => {
      window.heard.length = 0;
    });
    return await this.page.evaluate(() => window.app.queuePrompt(0, 1));
  }

  /** The message with which the queued run ends. */
  async ended(seconds = 120) {
    const ending = await this.page.waitForFunction(
      () => window.heard.find(({ kind }) => kind.startsWith("execution_")),
      null,
      { timeout: seconds * 1000 },
    );
    await this.settle();
    return await ending.jsonValue();
  }

  async heard(kind) {
    return await this.page.evaluate((wanted) => window.heard.filter((event) => event.kind === wanted), kind);
  }

  async waitUntil(test, argument, seconds = 60) {
    await this.page.waitForFunction(test, argument, { timeout: seconds * 1000 });
  }
}
