// ComfyUI's page in a real browser: opening it, loading workflows, and editing as a person would.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

export const PACK = new URL("../../", import.meta.url);
export const PLOT = "[data-testid=mask-guidance-schedule]";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What the page's console may say; anything else there is an error of ours. */
const HARMLESS = [
  /status of 404 .*\/(user\.css|comfy\.templates\.json)$/, // files that a fresh user has not got
  /status of 404 .*\/api\/userdata\?dir=/, // folders that a fresh user has not got
  /status of 404 .*\/docs\/MaskGuidance\w+\/[\w-]+\.md$/, // help in a language; the page then asks for ID.md
  /net::ERR_FAILED .*https:\/\//, // hosts that these tests keep the page from
  /ComfyApp graph accessed before initialization/, // the page's own
  // The same, of older pages (1.39): a search field that goes with words in it.
  /^TypeError: Cannot set properties of null \(setting 'value'\)\s+at Proxy\.onChange \(\S+\/vendor-primevue-/,
  ...(process.env.MASK_GUIDANCE_NEIGHBOURS ? [/app is not defined/] : []), // LanPaint's web/js/example.js
];

/** A page's own notice of a run that failed: what newer pages show over the nodes, and older ones before them. */
const FAILED = "[data-testid=error-overlay], [role=dialog]:has-text('Show Report')";

/** A control's name: on a subgraph's node, older pages put the number of its node before it. */
const labelled = (name) => new RegExp(`^(\\d+: )?${name}$`);

/** Thrown by a case that this page cannot be asked. */
export class Skip extends Error {}

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** In the page: the contrast of each text of the plot in a node. */
function contrastsOf([wanted, plot, vue]) {
  const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const onto = (ground, colour, opacity) => {
    brush.globalAlpha = 1;
    brush.fillStyle = `rgb(${ground})`;
    brush.fillRect(0, 0, 1, 1);
    brush.globalAlpha = opacity;
    brush.fillStyle = colour;
    brush.fillRect(0, 0, 1, 1);
    return [...brush.getImageData(0, 0, 1, 1).data.slice(0, 3)];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const around = (e) => (e ? [...around(e.parentElement), e] : []);
  const mine = (e) => !vue || e.closest("[data-node-id]")?.dataset.nodeId === String(wanted);
  const seen = [...document.querySelectorAll(`${plot} *`)].filter((e) => {
    const own = [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
    return own && mine(e) && e.checkVisibility() && e.getBoundingClientRect().width;
  });
  return seen.map((e) => {
    let [ground, opacity] = [[0, 0, 0], 1];
    for (const outer of around(e)) {
      const style = getComputedStyle(outer);
      opacity *= Number(style.opacity);
      ground = onto(ground, style.backgroundColor, opacity);
    }
    const [a, b] = [light(ground), light(onto(ground, getComputedStyle(e).color, opacity))].sort((x, y) => y - x);
    return { text: e.textContent, contrast: (a + 0.05) / (b + 0.05) };
  });
}

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
  const [element, ...others] = seen.filter((e) =>
    vue ? e.closest("[data-node-id]")?.dataset.nodeId === String(wanted) : within(e.getBoundingClientRect()),
  );
  if (others.length) throw new Error("more than one plot is seen in the node");
  if (!element || element.ariaBusy === "true") return false;
  const text = (name) => element.querySelector(name).textContent;
  return {
    calls: text(".calls"),
    more: text(".more"),
    label: element.querySelector("[role=img]").ariaLabel,
    messages: [...element.querySelectorAll(".messages p")].map((e) => ({ kind: e.className, text: e.textContent })),
    classes: element.className,
    curve: element.querySelector(".curve").getAttribute("points"),
  };
}

/** Some of the host's own templates, to search among: to draw all five hundred takes the page half a minute. */
async function fewTemplates(route) {
  const answer = await route.fetch();
  const groups = await answer.json();
  const few = groups.map((group) => ({ ...group, templates: group.templates.slice(0, 3) }));
  await route.fulfill({ response: answer, json: few });
}

/** The page with one of its two ways to draw nodes. */
export class Comfy {
  static async open(address, vue, chromiumPath) {
    const comfy = new Comfy();
    Object.assign(comfy, { address, vue, mode: vue ? "vue" : "litegraph", locale: "en", errors: [] });
    await comfy.set({
      "Comfy.VueNodes.Enabled": vue,
      "Comfy.TutorialCompleted": true,
      "Comfy.Minimap.Visible": false,
      "Comfy.Locale": comfy.locale,
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
    await comfy.page.route("**/templates/index.json", fewTemplates);
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

  /** Open the page in a language, if it is open in another one. */
  async speak(locale) {
    if (locale === this.locale) return;
    this.locale = null; // until it is open
    await this.set({ "Comfy.Locale": locale });
    await this.reload();
    this.locale = locale;
  }

  /** Change the colours of the open page, as its settings do. */
  async wear(palette) {
    await this.page.evaluate((id) => window.app.extensionManager.setting.set("Comfy.ColorPalette", id), palette);
    await this.waitUntil((dark) => Boolean(document.querySelector(".dark-theme")) === dark, palette === "dark");
    await this.settle();
  }

  /** Leave a picture of the window for people, where they have asked for pictures. */
  async picture(name) {
    if (process.env.MASK_GUIDANCE_SCREENSHOTS) await this.shoot(name);
  }

  async shoot(name) {
    await this.page.screenshot({ path: `${this.folder}/${this.mode}-${name}.png` }).catch(() => {});
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
    const read = (file) => JSON.parse(readFileSync(new URL(encodeURI(file), PACK), "utf-8"));
    const workflow = read(`examples/${read("examples/api/names.json")[name]}.json`);
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

  /** How many pixels of the window are white, or of a strong colour. */
  async count(kind) {
    const shot = (await this.page.screenshot()).toString("base64");
    return await this.page.evaluate(
      async ([png, wanted]) => {
        const picture = new Image();
        picture.src = `data:image/png;base64,${png}`;
        await picture.decode();
        const sheet = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
        sheet.drawImage(picture, 0, 0);
        const { data } = sheet.getImageData(0, 0, picture.width, picture.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4) {
          const [least, most] = [Math.min(...data.slice(i, i + 3)), Math.max(...data.slice(i, i + 3))];
          count += wanted === "white" ? least > 250 : most - least > 80;
        }
        return count;
      },
      [shot, kind],
    );
  }

  async waitUntilSaid(id, calls) {
    for (let i = 0; i < 40 && (await this.said(id)).calls !== calls; i++) await this.settle(100);
    if ((await this.said(id)).calls !== calls) throw new Error(`never said: ${calls}`);
  }

  /** How many plots are on the screen. */
  async plots() {
    return await this.page.evaluate((plot) => {
      const inside = ({ x, y, width, height }) =>
        width && x < innerWidth && x + width > 0 && y < innerHeight && y + height > 0;
      const seen = (e) => e.checkVisibility() && inside(e.getBoundingClientRect());
      return [...document.querySelectorAll(plot)].filter(seen).length;
    }, PLOT);
  }

  /** Where things are on the screen: a node, its plot, the plot's last line, as {left, top, right, bottom}. */
  async places(id) {
    return await this.page.evaluate(
      ([wanted, plot, vue]) => {
        const { canvas } = window.app;
        const rect = ({ left, top, right, bottom }) => ({ left, top, right, bottom });
        const { pos, size } = canvas.graph.getNodeById(wanted);
        const box = canvas.canvas.getBoundingClientRect();
        const at = (x, y) => canvas.ds.convertOffsetToCanvas([x, y]).map((v, i) => v + [box.left, box.top][i]);
        const [[left, top], [right, bottom]] = [at(...pos), at(pos[0] + size[0], pos[1] + size[1])];
        const drawn = vue && document.querySelector(`[data-node-id="${wanted}"]`)?.getBoundingClientRect();
        const node = drawn ? rect(drawn) : { left, top, right, bottom };
        const inside = (e) => {
          const { x, width } = e.getBoundingClientRect();
          return e.checkVisibility() && width && x + width / 2 > node.left && x + width / 2 < node.right;
        };
        const element = [...document.querySelectorAll(plot)].find(inside);
        const last = [...element.querySelectorAll(".more, p")].at(-1);
        return { node, plot: rect(element.getBoundingClientRect()), last: rect(last.getBoundingClientRect()) };
      },
      [id, PLOT, this.vue],
    );
  }

  /** The panel at the right, where a node's help and settings are. */
  async panel(open) {
    await this.page.evaluate(
      (yes) => window.app.extensionManager.setting.set("Comfy.RightSidePanel.IsOpen", yes),
      open,
    );
  }

  /** Of a node, in whole pixels: an early Nodes 2.0 is off by a hundred-thousandth. */
  async position(id) {
    return await this.page.evaluate(
      (wanted) => [...window.app.canvas.graph.getNodeById(wanted).pos].map(Math.round),
      id,
    );
  }

  /** Where in the window a node's title is. */
  async title(id) {
    return await this.page.evaluate((wanted) => {
      const { canvas } = window.app;
      const [x, y] = canvas.graph.getNodeById(wanted).pos;
      const box = canvas.canvas.getBoundingClientRect();
      const [left, top] = canvas.ds.convertOffsetToCanvas([x + 100, y - 15]);
      return [left + box.left, top + box.top];
    }, id);
  }

  async clickTitle(id) {
    await this.page.mouse.click(...(await this.title(id)));
    await this.settle(300);
  }

  /** Drag a node by its title, so many pixels. */
  async move(id, right, down) {
    const { mouse } = this.page;
    const [x, y] = await this.title(id);
    await mouse.move(x, y);
    await mouse.down();
    await mouse.move(x + right, y + down, { steps: 5 });
    await mouse.up();
    await this.settle(500);
  }

  /** Change to the other way to draw nodes, the workflow open. */
  async drawOtherwise() {
    this.vue = !this.vue;
    await this.page.evaluate((on) => window.app.extensionManager.setting.set("Comfy.VueNodes.Enabled", on), this.vue);
    await this.settle(700);
  }

  /** Wait until a message of a node is like this; null: until there is none. */
  async waitUntilTold(id, pattern) {
    let texts = [];
    for (let i = 0; i < 60; i++) {
      texts = (await this.said(id)).messages.map(({ text }) => text);
      if (pattern ? texts.some((text) => pattern.test(text)) : texts.length === 0) return;
      await this.settle(50);
    }
    throw new Error(`never said ${pattern}, but ${JSON.stringify(texts)}`);
  }

  /** Wait for the host's own notice of an error, which lies over the nodes, and close it. */
  async dismissErrors() {
    const notice = this.page.locator(FAILED).first();
    await notice.waitFor();
    const button = notice.locator("[data-testid=error-overlay-dismiss], .p-dialog-close-button").first();
    await button.click({ timeout: 5000 }).catch(() => {});
    await this.settle();
  }

  /** Whether the page is of a version, "1.45" say, or a later one. */
  async isFrom(version) {
    const own = await this.page.evaluate(() => window.__COMFYUI_FRONTEND_VERSION__);
    return own.localeCompare(version, "en", { numeric: true }) >= 0;
  }

  /** Of each text of a node's plot that is seen: its contrast with the ground under it, 1 to 21. */
  async contrasts(id) {
    return await this.page.evaluate(contrastsOf, [id, PLOT, this.vue]);
  }

  /** The roles of a node's messages that a screen reader speaks up for. */
  async heardByReader(id) {
    const found = this.page.locator(`${PLOT}:visible [role=status]`).filter({ hasText: "model calls" });
    assert.equal(await found.count(), 1, `${id}: one place speaks`);
    return await found.evaluateAll((all) => all.map((e) => e.role));
  }

  /** What axe finds wrong with what this pack draws, in words. */
  async axe() {
    await this.page.addScriptTag({ path: AXE });
    return await this.page.evaluate(async (plot) => {
      const { violations } = await window.axe.run({ include: [[plot]] });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" ")}`);
    }, PLOT);
  }

  /** A new node of a kind, alone; of a number of its own, for Nodes 2.0 remembers what a number's node was like. */
  async fresh(kind) {
    const id = await this.page.evaluate((type) => {
      const { app, LiteGraph } = window;
      app.graph.clear();
      window.freshNodes = (window.freshNodes ?? 1000) + 1;
      app.graph.last_node_id = window.freshNodes;
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

  /** A colour's control in Nodes 2.0, which has no name but for the words beside it, and is there or hidden. */
  picker(id, name) {
    const row = this.page.locator(`[data-node-id="${id}"] [data-testid="node-widget"]`);
    return row.filter({ has: this.page.getByText(name, { exact: true }) }).getByRole("button");
  }

  /**
   * Where in the window a control is that LiteGraph draws: so far across the node, and so many pixels more. On a subgraph's
   * node, older pages name it by its node, too.
   */
  async place(id, name, share, more = 0) {
    await this.waitUntil(
      ([wanted, input]) => {
        const { canvas } = window.app;
        canvas.setDirty(true, true); // a subgraph's node makes its controls anew, and nothing draws the new ones
        return Number.isFinite(
          canvas.graph.getNodeById(wanted).widgets.find((w) => [w.name, w.label].includes(input)).last_y,
        );
      },
      [id, name],
    );
    return await this.page.evaluate(
      ([wanted, input, across, pixels]) => {
        const { canvas } = window.app;
        const node = canvas.graph.getNodeById(wanted);
        const widget = node.widgets.find((w) => [w.name, w.label].includes(input));
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
    if (this.vue) {
      const named = this.control(id, name);
      if (!(await named.count())) return (await this.picker(id, name).count()) > 0;
      return await named.locator("input, button").or(named).last().isEnabled();
    }
    if (!(await this.isVisible(id, name))) return false;
    const before = (await this.values(id))[name];
    await this.page.mouse.click(...(await this.place(id, name, 1, -24)));
    await this.settle(100);
    const after = (await this.values(id))[name];
    if (after !== before) await this.page.mouse.click(...(await this.place(id, name, 0, 24)));
    await this.settle(100);
    return after !== before;
  }

  /** Whether LiteGraph draws a control at all: newer pages leave out what is hidden, the host's own greys it. */
  async isVisible(id, name) {
    return await this.page.evaluate(
      ([wanted, input]) => {
        const node = window.app.canvas.graph.getNodeById(wanted);
        return node.isWidgetVisible(node.widgets.find((w) => w.name === input));
      },
      [id, name],
    );
  }

  /** Choose from a list as a person does, in the list that opens. */
  async choose(id, name, option) {
    if (this.vue) {
      await this.page
        .locator(`[data-node-id="${id}"]`)
        .getByRole("combobox", { name: labelled(name) })
        .click();
      await this.page.getByRole("option", { name: option, exact: true }).click();
    } else {
      await this.page.mouse.click(...(await this.place(id, name, 0, 120)));
      await this.page.locator(".litecontextmenu .litemenu-entry").getByText(option, { exact: true }).click();
    }
    await this.settle(300);
  }

  /** Press keys with no field focused: a field has an undo of its own. */
  async press(keys) {
    await this.page.evaluate(
      () => document.activeElement?.matches("input, textarea, button") && document.activeElement.blur(),
    );
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
    await this.page.keyboard.press("Shift"); // as any hand on the keyboard tells the page to look
    await this.settle();
  }

  /** Queue what is shown; whether the server took it. What `queuePrompt` says of that, older pages do not say. */
  async queue() {
    await this.page.evaluate(() => {
      window.heard.length = 0;
    });
    const asked = (answer) =>
      answer.request().method() === "POST" && new URL(answer.url()).pathname.endsWith("/prompt");
    const [answer] = await Promise.all([
      this.page.waitForResponse(asked),
      this.page.evaluate(() => void window.app.queuePrompt(0, 1)),
    ]);
    return answer.ok();
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

  /** The search for nodes, opened with a double click on a free place; on a busy machine the page takes some for two clicks. */
  async openSearch(x, y) {
    const typing = () => document.activeElement?.matches("input"); // typed into the page, letters are commands
    for (let tries = 0; tries < 5; tries++) {
      await this.page.mouse.dblclick(x, y);
      const opened = await this.waitUntil(typing, null, 10).catch(() => false);
      if (opened !== false) return;
    }
    throw new Error("No double click opened the search for nodes");
  }

  async waitUntil(test, argument, seconds = 60) {
    await this.page.waitForFunction(test, argument, { timeout: seconds * 1000 });
  }
}
