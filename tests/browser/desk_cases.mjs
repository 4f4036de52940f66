// What stands around the samplers: help, templates, blueprints, the list of classes, the record of a picture.
// As in cases.mjs, each function is one case.

import assert from "node:assert/strict";
import { Skip } from "./harness.mjs";

const LABEL = 5; // Class Label of the example "inpaint"
const LOADER = 1;
const FIELD = "[data-testid=mask-guidance-classes] input";
const unlike = () => Math.floor(Math.random() * 1e9); // a seed that nothing cached was made with

/** The field of a Class Label that is seen. */
const field = (comfy) => comfy.page.locator(FIELD).filter({ visible: true }).first();

async function shows(comfy, wanted) {
  for (let i = 0; i < 40 && (await field(comfy).inputValue()) !== wanted; i++) await comfy.settle(100);
  assert.equal(await field(comfy).inputValue(), wanted);
}

async function label(comfy) {
  const { class_label, class_name } = await comfy.values(LABEL);
  return [class_label, class_name];
}

export async function the_templates_are_found_by_the_packs_name_and_open(comfy, given) {
  const { page } = comfy;
  await page.evaluate(() => window.app.graph.clear());
  await page.evaluate(() => window.app.extensionManager.command.execute("Comfy.BrowseTemplates"));
  const dialog = page.getByRole("dialog").first();
  const title = (name) => dialog.getByText(given.titles[name], { exact: true }).first();
  await dialog.getByPlaceholder(/search/i).fill("mask guidance", { timeout: 120_000 }); // older pages draw all at once
  for (const name of given.examples) await title(name).waitFor({ state: "attached" });
  await dialog.getByPlaceholder(/search/i).fill("");
  await dialog.getByText(/^(Mask Guidance|mask_guidance|ComfyUI-Mask-Guidance)$/).click(); // as the pack's folder is called
  await comfy.waitUntil(
    () => [...document.querySelectorAll("[role=dialog] img")].filter((image) => image.naturalWidth > 100).length >= 3,
  );
  await comfy.picture("templates");
  await dialog.getByPlaceholder(/search/i).fill("step by step");
  await title("inpaint").click();
  await comfy.waitUntil(() => window.app.graph.nodes.some((node) => node.type === "MaskGuidanceKSampler"));
  await dialog.waitFor({ state: "hidden" });
}

export async function a_class_is_chosen_by_name_from_the_models_list(comfy) {
  const { page } = comfy;
  await comfy.loadExample("inpaint", LABEL);
  await shows(comfy, "0 · landscape");
  await field(comfy).click();
  await page.getByRole("option", { name: "-1 · any class" }).waitFor();
  assert.equal(await page.getByRole("option").count(), 9);
  await page.keyboard.type("mo");
  await comfy.settle(200);
  await comfy.picture("classes");
  assert.deepEqual(await page.getByRole("option").allTextContents(), ["4 · moods"]);
  await page.keyboard.press("Enter");
  await shows(comfy, "4 · moods");
  assert.deepEqual(await label(comfy), [4, "moods"]);
  await comfy.press("Control+z");
  await shows(comfy, "0 · landscape");
  assert.deepEqual(await label(comfy), [0, ""]);
  await field(comfy).click();
  await page.getByRole("option", { name: "6 · waves" }).click();
  await shows(comfy, "6 · waves");
  await comfy.increase(LABEL, "class_label");
  await shows(comfy, "7 · cameo");
  assert.deepEqual(await label(comfy), [7, "cameo"], "a number by hand takes its name along");
  const saved = await page.evaluate((id) => window.app.graph.getNodeById(id).serialize(), LABEL);
  assert.deepEqual(saved.widgets_values, [7, "cameo"]);
}

export async function a_thousand_classes_are_searched_and_a_label_out_of_reach_is_said(comfy) {
  await comfy.loadExample("inpaint", LABEL);
  await comfy.put(LABEL, { class_label: 100 });
  await shows(comfy, "100: this model has 0 to 7");
  await comfy.put(LOADER, { model_name: "imagenet.safetensors" });
  await comfy.press("Shift");
  await shows(comfy, "100 · black swan");
  await field(comfy).click();
  await comfy.page.keyboard.type("hat cowboy");
  await comfy.settle(200);
  await comfy.picture("imagenet");
  await comfy.page.keyboard.press("Enter");
  await shows(comfy, "515 · cowboy hat");
}

export async function no_help_page_shows_signs_of_its_markup(comfy, given) {
  if (!(await comfy.page.evaluate(() => Boolean(window.app.extensionManager.renderMarkdownToHtml))))
    throw new Skip("this page renders help for no one but itself");
  const wrong = await comfy.page.evaluate(async (pack) => {
    const kinds = Object.keys(window.LiteGraph.registered_node_types).filter((kind) => /^MaskGuidance/.test(kind));
    const files = kinds.flatMap((kind) => [`${kind}.md`, `${kind}/zh.md`]);
    const pages = files.map(async (file) => {
      const text = await (await fetch(`/extensions/${pack}/docs/${file}`)).text();
      const shown = new DOMParser().parseFromString(
        window.app.extensionManager.renderMarkdownToHtml(text),
        "text/html",
      );
      const lines = [...shown.querySelectorAll("p, li")].map((line) => line.textContent);
      return lines.filter((line) => /\*|]\(/.test(line)).map((line) => `${file}: ${line}`);
    });
    return (await Promise.all(pages)).flat();
  }, given.pack);
  assert.deepEqual(wrong, []);
}

export async function a_dropped_picture_shows_its_record(comfy, given) {
  const { page } = comfy;
  await comfy.loadExample("inpaint");
  await comfy.put(LOADER, { model_name: given.model });
  await comfy.put(2, { image: given.picture });
  await comfy.put(6, { preset: "draft", seed: unlike() });
  assert.ok(await comfy.queue());
  assert.equal((await comfy.ended()).kind, "execution_success");
  const dropped = await page.evaluateHandle(async () => {
    const { images } = Object.values(window.app.nodeOutputs).find((output) => output.images?.[0]?.type === "output");
    const found = await window.app.api.fetchApi(`/view?${new URLSearchParams(images[0])}`);
    const transfer = new DataTransfer();
    transfer.items.add(new File([await found.blob()], "painted.png", { type: "image/png" }));
    return transfer;
  });
  await page.evaluate(() => window.app.graph.clear());
  await page.dispatchEvent("#graph-canvas", "drop", { dataTransfer: dropped, clientX: 600, clientY: 500 });
  const record = page.locator("[role=alert], [role=status], li", { hasText: "Record of painted.png" }).last();
  await record.getByText(/19 model calls/).waitFor();
  await comfy.waitUntil(() => window.app.graph.nodes.length > 5);
  await comfy.settle(500);
  await comfy.picture("record");
  await record.getByRole("button").first().click();
  comfy.errors = comfy.errors.filter((error) => !/removeMask/.test(error)); // the page's own, of its busy sign
}

export async function an_artist_who_asks_for_an_inpainting_sampler_finds_one(comfy) {
  const { page } = comfy;
  await page.evaluate(() => window.app.graph.clear());
  await comfy.openSearch(600, 500);
  await page.keyboard.type("inpainting sampler", { delay: 10 });
  await page.getByText("Mask-Guided KSampler", { exact: true }).first().waitFor();
  await comfy.picture("search");
  await page.keyboard.press("Escape");
}

/** What a blueprint's node says over itself. */
async function cost(comfy, id) {
  if (comfy.vue)
    return await comfy.page.locator(`[data-node-id="${id}"] [data-testid=mask-guidance-cost]`).textContent();
  return await comfy.page.evaluate((wanted) => window.app.graph.getNodeById(wanted).badges.at(-1).text, id);
}

/** The same once it is as wanted. */
async function costs(comfy, id, wanted) {
  let said = await cost(comfy, id);
  for (let i = 0; i < 200 && !wanted.test(said); i++) {
    await comfy.settle(20);
    said = await cost(comfy, id);
  }
  assert.match(said, wanted);
  return said;
}

export async function a_subgraphs_node_says_what_a_run_costs_where_it_is_and_that_crops_do_not_fit(comfy, given) {
  await comfy.loadExample("remove_object");
  await comfy.put(2, { image: given.picture });
  const id = await comfy.page.evaluate(() => {
    const { app } = window;
    const parts = ["MaskGuidanceCrop", "VAEEncode", "SetLatentNoiseMask", "MaskGuidanceKSampler", "VAEDecode"];
    return app.graph.convertToSubgraph(new Set(app.graph.nodes.filter(({ type }) => parts.includes(type)))).node.id;
  });
  await comfy.show(id);
  await costs(comfy, id, /^86 model calls$/);
  const inner = async (type, values) =>
    await comfy.page.evaluate(
      ([host, kind, settings]) => {
        const node = window.app.graph.getNodeById(host).subgraph.nodes.find((each) => each.type === kind);
        for (const [name, value] of Object.entries(settings)) {
          const widget = node.widgets.find((each) => each.name === name);
          widget.value = value;
          widget.callback?.(value);
        }
      },
      [id, type, values],
    );
  await inner("MaskGuidanceCrop", { width: 512 });
  await comfy.press("Shift");
  await costs(comfy, id, /crops of 512x64, the model paints 64x64/);
  await comfy.picture("cost");
  await inner("MaskGuidanceCrop", { width: 16, height: 16 });
  await comfy.put(LOADER, { model_name: given.model });
  const seed = { seed: unlike() };
  if ("seed" in (await comfy.values(id)))
    await comfy.put(id, seed); // newer pages make it the node's own
  else await inner("MaskGuidanceKSampler", seed);
  assert.ok(await comfy.queue());
  const during = await costs(comfy, id, /^call \d+ of \d+/);
  assert.equal((await comfy.ended()).kind, "execution_success");
  await costs(comfy, id, new RegExp(`^${during.match(/of (\d+)/)[1]} model calls · about`));
}
