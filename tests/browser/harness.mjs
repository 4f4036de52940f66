// ComfyUI's page in a real browser: opening it, loading workflows, and editing as a person would.

import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

export const EXAMPLES = new URL("../../examples/", import.meta.url);
export const PLOT = "[data-testid=mask-guidance-schedule]";

/** What the page's console may say; anything else there is an error of ours. */
const HARMLESS = [
  /status of 404 .*\/(user\.css|comfy\.templates\.json)$/, // files that a fresh user has not got
  /status of 404 .*\/api\/userdata\?dir=/, // folders that a fresh user has not got
  /status of 404 .*\/docs\/MaskGuidance\w+\/[\w-]+\.md$/, // help in a language; the page then asks for ID.md
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

/** In the page: the words and the curve of the plot that is seen in a node; false while there is none, or it waits. */
function readPlot([wanted, plot, vue]) {
  const { canvas } = window.app;
  const { pos, size } = canvas.graph.getNodeById(wanted);
  const box = canvas.canvas.getBoundingClientRect();
  const [left, top] = canvas.ds.convertOffsetToCanvas(pos);
  const within = ({ x, y, width, height }) => {
    const [across, down] = [x + width / 2 - box.left - left, y + height / 2 - box.top - top];
    return across > 0 && down > 0 && across < size[0] * canvas.ds.scale && down < size[1] * canvas.ds.scale;
  };
  const seen = [...document.querySelectorAll(plot)].filter(
    (e) => e.checkVisibility() && e.getBoundingClientRect().width,
  );
  const element = seen.find((e) =>
    vue ? e.closest("[data-node-id]")?.dataset.nodeId === String(wanted) : within(e.getBoundingClientRect()),
  );
  if (!element || element.ariaBusy === "true") return false;
  const text = (name) => element.querySelector(name).textContent;
  return {
    calls: text(".calls"),
    more: text(".more"),
    label: element.ariaLabel,
    classes: element.className,
    curve: element.querySelector(".curve").getAttribute("points"),
  };
}

/** The page with one of its two ways to draw nodes. */
export class Comfy {
  static async open(address, vue, chromiumPath) {
    const comfy = new Comfy();
    Object.assign(comfy, { address, vue, mode: vue ? "vue" : "litegraph", errors: [] });
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
    const read = (file) => JSON.parse(readFileSync(new URL(encodeURI(file), EXAMPLES), "utf-8"));
    const workflow = read(`${read("api/names.json")[name]}.json`);
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

  /** What a node's schedule widget says on the screen, once it waits for no answer. */
  async said(id) {
    const found = await this.page.waitForFunction(readPlot, [id, PLOT, this.vue], { timeout: 20_000 });
    return await found.jsonValue();
  }

  async waitUntilSaid(id, calls) {
    for (let i = 0; i < 40 && (await this.said(id)).calls !== calls; i++) await this.settle(100);
    if ((await this.said(id)).calls !== calls) throw new Error(`never said: ${calls}`);
  }

  /** A new node of a kind, alone. */
  async fresh(kind) {
    const id = await this.page.evaluate((type) => {
      const { app, LiteGraph } = window;
      app.graph.clear();
      const node = LiteGraph.createNode(type);
      node.pos = [160, 130];
      app.graph.add(node);
      return node.id;
    }, kind);
    await this.show(id);
    return id;
  }

  async values(id) {
    return await this.page.evaluate((wanted) => {
      const { widgets } = window.app.canvas.graph.getNodeById(wanted);
      return Object.fromEntries(widgets.map((w) => [w.name, w.value]));
    }, id);
  }

  /** Click the arrow that makes a number of a node one step larger. */
  async increase(id, name) {
    if (this.vue) await this.control(id, name).getByTestId("increment").click();
    else await this.page.mouse.click(...(await this.place(id, name, 1, -24)));
    await this.settle(300);
  }

  /** A control in Nodes 2.0. */
  control(id, name) {
    return this.page.locator(`[data-node-id="${id}"] [aria-label="${name}"]`);
  }

  /** Where in the window a control is that LiteGraph draws: so far across the node, and so many pixels more. */
  async place(id, name, share, more = 0) {
    return await this.page.evaluate(
      ([wanted, input, across, pixels]) => {
        const { canvas } = window.app;
        const node = canvas.graph.getNodeById(wanted);
        const widget = node.widgets.find((w) => w.name === input);
        const inside = [node.pos[0] + across * node.size[0] + pixels, node.pos[1] + widget.last_y + 10];
        const [x, y] = canvas.ds.convertOffsetToCanvas(inside);
        const box = canvas.canvas.getBoundingClientRect();
        return [x + box.left, y + box.top];
      },
      [id, name, share, more],
    );
  }

  /** Drag a number to the right, so many pixels; how many seconds it took. */
  async drag(id, name, pixels) {
    const box = this.vue ? await this.control(id, name).boundingBox() : null;
    const [x, y] = box ? [box.x + box.width / 2, box.y + box.height / 2] : await this.place(id, name, 0.5);
    const { mouse } = this.page;
    const start = Date.now();
    await mouse.move(x, y);
    await mouse.down();
    for (let moved = 2; moved <= pixels; moved += 2) await mouse.move(x + moved, y);
    await mouse.up();
    return (Date.now() - start) / 1000;
  }

  /** Whether a person can change a control: by trying it, or, in Nodes 2.0, by what the browser says of it. */
  async editable(id, name) {
    if (this.vue)
      return await this.control(id, name).locator("input, button").or(this.control(id, name)).last().isEnabled();
    const before = (await this.values(id))[name];
    await this.page.mouse.click(...(await this.place(id, name, 1, -24)));
    await this.settle(100);
    const after = (await this.values(id))[name];
    if (after !== before) await this.page.mouse.click(...(await this.place(id, name, 0, 24)));
    await this.settle(100);
    return after !== before;
  }

  /** Choose from a list as a person does, in the list that opens. */
  async choose(id, name, option) {
    if (this.vue) {
      await this.page.locator(`[data-node-id="${id}"]`).getByRole("combobox", { name, exact: true }).click();
      await this.page.getByRole("option", { name: option, exact: true }).click();
    } else {
      await this.page.mouse.click(...(await this.place(id, name, 0, 120)));
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
