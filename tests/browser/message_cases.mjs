// What the curve's box says before and after a run: what is, and what to do.

import assert from "node:assert/strict";
import { LOADER, PICTURE, SAMPLER, tiny, unlike } from "./tiny.mjs";

async function run(comfy) {
  assert.ok(await comfy.queue());
  const { kind } = await comfy.ended();
  await comfy.settle(500);
  return kind;
}

export async function an_empty_mask_says_so_and_how_many_calls_were_made(comfy, given) {
  await tiny(comfy, given);
  await comfy.put(PICTURE, { image: given.opaque });
  assert.equal(await run(comfy), "execution_success");
  const { messages } = await comfy.said(SAMPLER);
  await comfy.picture("message-empty");
  assert.deepEqual(
    messages.map(({ kind }) => kind),
    ["warning", "note"],
  );
  assert.match(messages[0].text, /^Nothing is masked.*draw a mask in Load Image's Mask Editor/);
  assert.match(messages[1].text, /^The last run made 0 model calls/);
  await comfy.put(SAMPLER, { seed: unlike() });
  assert.equal((await comfy.said(SAMPLER)).messages.length, 2, "another seed changes nothing about the mask");
  await comfy.increase(SAMPLER, "resample_r");
  assert.deepEqual((await comfy.said(SAMPLER)).messages, [], "what the last run showed is forgotten at an edit");
}

export async function a_mask_of_nearly_everything_says_how_much(comfy, given) {
  await tiny(comfy, given);
  await comfy.put(PICTURE, { image: given.nearly });
  assert.equal(await run(comfy), "execution_success");
  const { messages, calls } = await comfy.said(SAMPLER);
  assert.match(messages[0].text, /^94 % of the picture is masked.*Invert Mask/);
  assert.equal(messages[1].text.match(/made (\d+ model calls)/)[1], calls);
  await comfy.put(PICTURE, { image: given.picture });
  assert.equal(await run(comfy), "execution_success");
  const after = (await comfy.said(SAMPLER)).messages;
  assert.deepEqual(
    after.map(({ kind }) => kind),
    ["note"],
    "the next run says what is true of it",
  );
}

export async function a_picture_of_another_size_is_named_before_the_run(comfy, given) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.said(SAMPLER);
  assert.deepEqual((await comfy.said(SAMPLER)).messages, []);
  await comfy.put(PICTURE, { image: given.large });
  await comfy.waitUntilTold(SAMPLER, /512x512/);
  const { messages } = await comfy.said(SAMPLER);
  await comfy.picture("message-size");
  assert.match(messages[0].text, /made for 64x64: each call takes about 64 times as long/);
  await comfy.put(PICTURE, { image: "mask_guidance_landscape.png" });
  await comfy.waitUntilTold(SAMPLER, null);
}

export async function jumps_longer_than_the_run_are_named_and_gone_when_they_fit(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.put(SAMPLER, { preset: "custom", method: "repaint", skip_type: "uniform", skip_steps: 8 });
  await comfy.waitUntilTold(SAMPLER, /resample_j is 10, and the run has 8 steps/);
  await comfy.put(SAMPLER, { resample_j: 4 });
  await comfy.waitUntilTold(SAMPLER, null);
}

export async function a_text_model_without_a_negative_is_named_and_cfg_doubles_the_cost(comfy) {
  await comfy.loadExample("latent_model", 8);
  assert.deepEqual((await comfy.said(8)).messages, []);
  assert.match((await comfy.said(8)).more, /each call twice as long, for cfg/);
  await comfy.page.evaluate(() => window.app.graph.getNodeById(8).disconnectInput(3));
  await comfy.waitUntilTold(8, /^cfg is 5, which needs a negative/);
  await comfy.put(8, { cfg: 1 });
  await comfy.waitUntilTold(8, null);
  assert.doesNotMatch((await comfy.said(8)).more, /twice/);
  await comfy.page.evaluate(() => window.app.graph.getNodeById(8).disconnectInput(2));
  await comfy.waitUntilTold(8, /guided by text: connect CLIP Text Encode/);
}

export async function an_error_is_said_in_its_own_words_until_something_is_edited(comfy, given) {
  await tiny(comfy, given);
  await comfy.put(LOADER, { model_name: "must_be_told.safetensors" });
  await comfy.page.evaluate((id) => window.app.graph.getNodeById(id).disconnectInput(2), SAMPLER);
  assert.equal(await run(comfy), "execution_error");
  await comfy.dismissErrors();
  const { messages } = await comfy.said(SAMPLER);
  await comfy.picture("message-error");
  assert.deepEqual(
    messages.map(({ kind }) => kind),
    ["error"],
  );
  assert.match(messages[0].text, /^This model has \d+ classes; connect a Class Label node to 'positive'\.$/);
  await comfy.increase(SAMPLER, "resample_r");
  assert.deepEqual((await comfy.said(SAMPLER)).messages, []);
  assert.equal(await run(comfy), "execution_error");
  await comfy.dismissErrors();
  assert.equal((await comfy.said(SAMPLER)).messages.length, 1);
  await comfy.page.evaluate(() => {
    const { graph } = window.app;
    graph.getNodeById(5).connect(0, graph.getNodeById(6), 2);
  });
  await comfy.put(LOADER, { model_name: given.model });
  assert.equal(await run(comfy), "execution_success");
  assert.deepEqual(
    (await comfy.said(SAMPLER)).messages.map(({ kind }) => kind),
    ["note"],
  );
}

export async function after_a_run_without_cfg_the_time_with_it_is_twice_that(comfy, given) {
  await tiny(comfy, given, { skip_steps: 40, resample_r: 1 });
  assert.equal(await run(comfy), "execution_success");
  await comfy.put(SAMPLER, { skip_steps: 300 });
  const seconds = async () => {
    const [, number, unit] = (await comfy.said(SAMPLER)).more.match(/about ([\d.]+) (s|min)/);
    return number * { s: 1, min: 60 }[unit];
  };
  const alone = await seconds();
  await comfy.put(SAMPLER, { cfg: 3 });
  const guided = await seconds();
  assert.ok(guided > 1.4 * alone && guided < 2.6 * alone, `${alone} s, with cfg ${guided} s`);
}

export async function every_word_is_read_on_light_and_on_dark_and_axe_finds_nothing(comfy, given) {
  for (const palette of ["light", "dark"]) {
    await comfy.wear(palette);
    await tiny(comfy, given);
    await comfy.put(PICTURE, { image: given.opaque });
    assert.equal(await run(comfy), "execution_success");
    await everyContrast(comfy, palette, 5);
    assert.deepEqual(await comfy.axe(), [], palette);
    await comfy.picture(`messages-${palette}`);
    await comfy.put(LOADER, { model_name: "must_be_told.safetensors" });
    await comfy.page.evaluate((id) => window.app.graph.getNodeById(id).disconnectInput(2), SAMPLER);
    await comfy.put(SAMPLER, { seed: unlike() });
    await comfy.put(PICTURE, { image: given.picture });
    assert.equal(await run(comfy), "execution_error");
    await comfy.dismissErrors();
    await everyContrast(comfy, palette, 4);
    assert.deepEqual(await comfy.axe(), [], palette);
    await comfy.put(SAMPLER, { skip_type: "leading", skip_steps: 300 });
    await comfy.settle(500);
    assert.match((await comfy.said(SAMPLER)).classes, /wrong/);
    await everyContrast(comfy, palette, 1);
  }
}

async function everyContrast(comfy, palette, least) {
  const found = await comfy.contrasts(SAMPLER);
  assert.ok(found.length >= least, `only ${found.length} texts are seen`);
  for (const { text, contrast } of found)
    assert.ok(contrast >= 4.5, `${palette}: ${contrast.toFixed(1)}:1 for "${text}"`);
}

export async function a_screen_reader_hears_what_a_run_said(comfy, given) {
  await tiny(comfy, given);
  await comfy.put(PICTURE, { image: given.opaque });
  assert.equal(await run(comfy), "execution_success");
  assert.deepEqual(await comfy.heardByReader(SAMPLER), ["status"], "announced");
}

export async function inpaint_counts_its_fills_and_says_what_its_run_showed(comfy, given) {
  const id = await comfy.fresh("MaskGuidanceInpaint");
  assert.equal((await comfy.said(id)).calls, "86 model calls");
  assert.match((await comfy.said(id)).more, /regions are painted together/);
  await comfy.put(id, { variations: 3, seed: comfy.vue ? 1 : 2 }); // the modes share a server, which runs nothing twice
  await comfy.waitUntilSaid(id, "258 model calls");
  await comfy.page.evaluate(
    ([inpaint, model, picture]) => {
      const { app, LiteGraph } = window;
      const add = (type, widgets = {}) => {
        const node = LiteGraph.createNode(type);
        app.graph.add(node);
        for (const widget of node.widgets ?? []) if (widget.name in widgets) widget.value = widgets[widget.name];
        return node;
      };
      const node = app.graph.getNodeById(inpaint);
      const into = (origin, output, name) => {
        const slot = node.inputs.findIndex((input) => input.name === name);
        origin.connect(output, node, slot);
      };
      const load = add("MaskGuidanceLoadModel", { model_name: model });
      const image = add("LoadImage", { image: picture });
      const label = add("MaskGuidanceClassLabel");
      load.connect(0, label, 0);
      into(load, 0, "model");
      into(load, 1, "vae");
      into(image, 0, "image");
      into(image, 1, "mask");
      into(label, 0, "positive");
      node.connect(0, add("PreviewImage"), 0);
    },
    [id, given.model, given.opaque],
  );
  assert.equal(await run(comfy), "execution_success");
  await comfy.show(id);
  const texts = (await comfy.said(id)).messages.map(({ text }) => text);
  assert.match(texts[0], /^Nothing is masked/);
  assert.match(texts[1], /made 0 model calls/);
}
