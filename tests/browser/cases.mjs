// What must hold in the page, with either way to draw nodes. Each function is one case; its name is its sentence.
// `comfy` is the page (harness.mjs), `given` what pytest knows: numbers of Python's, names of examples.

import assert from "node:assert/strict";
import { LOADER, SAMPLER, tiny, unlike } from "./tiny.mjs";

const ROUTE = "/mask_guidance/schedule";
/** Every second one here, the others with the other way to draw nodes: a run is the same for both. */
export async function every_example_loads_whole_without_missing_nodes_and_runs(comfy, given) {
  for (const [number, name] of given.examples.entries()) {
    await comfy.loadExample(name);
    await comfy.settle(500);
    await comfy.picture(`template-${name}`);
    assert.equal(await comfy.page.locator("[data-testid=missing-node-card]").count(), 0, name);
    const short = await comfy.page.evaluate(() =>
      window.app.graph.nodes.filter((n) => n.computeSize()[1] > n.size[1] + 1).map((n) => `${n.id} ${n.type}`),
    );
    assert.deepEqual(short, [], `${name}: nodes that do not hold their widgets`);
    const needsCheckpoint = await comfy.page.evaluate(() =>
      window.app.graph.nodes.some((node) => node.type === "CheckpointLoaderSimple"),
    );
    const runs = name === "inpaint" || number % 2 === Number(comfy.vue);
    if (needsCheckpoint || !runs) continue; // a checkpoint is the user's own
    await comfy.page.evaluate((seed) => {
      for (const node of window.app.graph.nodes) {
        const edit = (input, value) => {
          const widget = node.widgets?.find((w) => w.name === input);
          if (!widget) return;
          widget.value = value;
          widget.callback?.(value);
        };
        edit("preset", "custom");
        edit("skip_steps", 3);
        edit("resample_r", 1);
        edit("seed", seed);
        edit("noise_seed", seed);
      }
    }, unlike());
    assert.ok(await comfy.queue(), `${name} was refused`);
    assert.equal((await comfy.ended()).kind, "execution_success", name);
  }
}

export async function the_widget_counts_as_python_does_after_real_edits(comfy, given) {
  await comfy.loadExample("inpaint", SAMPLER);
  assert.equal((await comfy.said(SAMPLER)).calls, `${given.counts.balanced} model calls`);
  await comfy.increase(SAMPLER, "resample_r");
  assert.equal((await comfy.said(SAMPLER)).calls, `${given.counts.r9} model calls`);
  await comfy.increase(SAMPLER, "skip_steps");
  assert.equal((await comfy.said(SAMPLER)).calls, `${given.counts.r9steps17} model calls`);
  await comfy.choose(SAMPLER, "method", "repaint");
  assert.equal((await comfy.said(SAMPLER)).calls, `${given.counts.repaint17} model calls`);
  const { label } = await comfy.said(SAMPLER);
  assert.match(label, /17 noise levels/);
}

export async function choosing_a_preset_writes_its_values_and_editing_one_makes_it_custom(comfy, given) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.choose(SAMPLER, "preset", "paper");
  assert.equal((await comfy.said(SAMPLER)).calls, "2,410 model calls");
  const { preset, method, skip_type, skip_steps, resample_r, resample_j } = await comfy.values(SAMPLER);
  assert.deepEqual(
    { preset, method, skip_type, skip_steps, resample_r, resample_j },
    { preset: "paper", ...given.paper },
  );
  await comfy.increase(SAMPLER, "resample_r");
  const edited = await comfy.values(SAMPLER);
  assert.deepEqual([edited.preset, edited.resample_r, edited.skip_steps], ["custom", 11, 250]);
}

export async function feedback_is_one_choice_away_from_a_preset_and_stays_when_its_values_are_edited(comfy) {
  const held = async () => {
    const { preset, method, skip_steps, resample_r } = await comfy.values(SAMPLER);
    return [preset, method, skip_steps, resample_r];
  };
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.choose(SAMPLER, "preset", "draft");
  assert.deepEqual(await held(), ["draft", "kriged", 9, 3]);
  await comfy.choose(SAMPLER, "method", "feedback");
  assert.deepEqual(await held(), ["draft", "feedback", 7, 4]);
  assert.equal((await comfy.said(SAMPLER)).calls, "19 model calls");
  await comfy.page.evaluate((id) => {
    const preset = window.app.graph.getNodeById(id).widgets.find(({ name }) => name === "preset");
    preset.callback(preset.value); // as a Primitive node does before every run
  }, SAMPLER);
  assert.deepEqual(await held(), ["draft", "feedback", 7, 4]);
  await comfy.increase(SAMPLER, "resample_r");
  assert.deepEqual(await held(), ["custom", "feedback", 7, 5]);
  await comfy.choose(SAMPLER, "preset", "draft");
  await comfy.choose(SAMPLER, "method", "repaint");
  assert.deepEqual(await held(), ["custom", "repaint", 9, 3]);
}

export async function undo_takes_back_an_edit_and_the_widget_follows(comfy, given) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.settle(500);
  await comfy.increase(SAMPLER, "resample_r");
  assert.equal((await comfy.said(SAMPLER)).calls, `${given.counts.r9} model calls`);
  await comfy.page.mouse.click(700, 820); // on the empty canvas
  await comfy.settle(500);
  await comfy.press("Control+z");
  await comfy.waitUntil(
    (id) => window.app.graph.getNodeById(id)?.widgets.find((w) => w.name === "resample_r").value === 8,
    SAMPLER,
  );
  await comfy.settle(300);
  assert.equal((await comfy.said(SAMPLER)).calls, `${given.counts.balanced} model calls`);
  assert.equal((await comfy.values(SAMPLER)).preset, "balanced");
  await comfy.increase(SAMPLER, "resample_r");
  assert.equal((await comfy.said(SAMPLER)).calls, `${given.counts.r9} model calls`, "alive after the undo");
}

export async function a_fresh_node_shows_its_curve_on_light_and_on_dark(comfy) {
  for (const palette of ["light", "dark"]) {
    await comfy.wear(palette);
    const id = await comfy.fresh("MaskGuidanceKSampler");
    const { calls, curve } = await comfy.said(id);
    assert.equal(calls, "86 model calls");
    assert.ok(curve.split(" ").length > 100, curve);
    await comfy.show(id);
    await comfy.picture(`fresh-${palette}`);
  }
}

export async function a_dragged_number_asks_ten_times_a_second_at_most_and_the_curve_follows(comfy, given) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.said(SAMPLER);
  let asked = 0;
  const count = (request) => {
    asked += request.url().endsWith(ROUTE);
  };
  comfy.page.on("request", count);
  const seconds = await comfy.drag(SAMPLER, "resample_r", 120);
  await comfy.settle(500);
  comfy.page.off("request", count);
  const { resample_r } = await comfy.values(SAMPLER);
  assert.ok(resample_r > 12, `dragged to ${resample_r}`);
  const { balanced, r9 } = given.counts;
  const calls = balanced + (r9 - balanced) * (resample_r - 8);
  assert.equal((await comfy.said(SAMPLER)).calls, `${calls.toLocaleString("en")} model calls`);
  assert.ok(asked <= 10 * seconds + 3, `${asked} questions in ${seconds} s`);
}

export async function without_a_server_the_last_curve_stays_and_the_text_says_so(comfy, given) {
  await comfy.loadExample("inpaint", SAMPLER);
  const before = await comfy.said(SAMPLER);
  const gone = (route) => route.abort();
  await comfy.page.route(`**${ROUTE}`, gone);
  await comfy.increase(SAMPLER, "resample_r");
  const without = await comfy.said(SAMPLER);
  await comfy.picture("no-server");
  await comfy.page.unroute(`**${ROUTE}`, gone);
  assert.equal(without.curve, before.curve);
  assert.match(without.more, /server does not answer/);
  assert.match(without.classes, /dim/);
  assert.equal((await comfy.values(SAMPLER)).resample_r, 9);
  await comfy.settle(1000);
  await comfy.page.keyboard.press("Shift"); // whatever a person does next
  await comfy.waitUntilSaid(SAMPLER, `${given.counts.r9} model calls`);
  assert.doesNotMatch((await comfy.said(SAMPLER)).more, /server/);
  comfy.errors.length = 0; // the question that found nobody
}

export async function what_the_method_does_not_use_is_grey_and_keeps_its_value(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.said(SAMPLER);
  const idle = ["resample_j", "var_type"];
  for (const name of idle) assert.equal(await comfy.editable(SAMPLER, name), false, name);
  assert.equal(await comfy.editable(SAMPLER, "resample_r"), true);
  await comfy.picture("grey-feedback");
  const sent = async () => await comfy.page.evaluate(async () => (await window.app.graphToPrompt()).output["6"].inputs);
  assert.deepEqual([(await sent()).resample_j, (await sent()).var_type], [10, "auto"]);
  await comfy.choose(SAMPLER, "method", "repaint");
  await comfy.said(SAMPLER);
  for (const name of idle) assert.equal(await comfy.editable(SAMPLER, name), true, name);
  await comfy.picture("grey-repaint");
  await comfy.page.evaluate((id) => {
    const { app, LiteGraph } = window;
    const sampler = app.graph.getNodeById(id);
    const number = LiteGraph.createNode("PrimitiveInt");
    app.graph.add(number);
    number.widgets[0].value = 4;
    const slot = sampler.inputs.findIndex((input) => input.widget?.name === "resample_j");
    number.connect(0, sampler, slot);
  }, SAMPLER);
  await comfy.settle(300);
  const linked = (await comfy.said(SAMPLER)).calls;
  await comfy.choose(SAMPLER, "method", "feedback");
  assert.equal((await comfy.said(SAMPLER)).calls, "86 model calls");
  await comfy.choose(SAMPLER, "method", "repaint");
  assert.equal((await comfy.said(SAMPLER)).calls, linked, "a linked value counts as before");
}

export async function after_a_run_the_curve_is_that_models(comfy, given) {
  await tiny(comfy, given, { skip_type: "karras", method: "feedback" });
  await comfy.put(1, { model_name: given.fresh[comfy.mode] });
  await comfy.put(SAMPLER, { resample_r: 3 });
  const before = await comfy.said(SAMPLER);
  assert.ok(await comfy.queue());
  assert.equal((await comfy.ended()).kind, "execution_success");
  await comfy.settle(500);
  const then = await comfy.said(SAMPLER);
  assert.notEqual(then.curve, before.curve);
  assert.equal(then.calls, before.calls);
}

export async function a_copy_has_a_widget_of_its_own(comfy, given) {
  await comfy.loadExample("inpaint", SAMPLER);
  const copy = await comfy.page.evaluate((id) => {
    const { app } = window;
    app.canvas.deselectAll();
    app.canvas.select(app.graph.getNodeById(id));
    const before = new Set(app.graph.nodes.map((n) => n.id));
    app.canvas.copyToClipboard();
    app.canvas.pasteFromClipboard();
    return app.graph.nodes.find((n) => !before.has(n.id)).id;
  }, SAMPLER);
  await comfy.settle(300);
  await comfy.put(copy, { preset: "draft" });
  await comfy.show(copy);
  assert.equal((await comfy.said(copy)).calls, "19 model calls");
  await comfy.show(SAMPLER);
  assert.equal((await comfy.said(SAMPLER)).calls, `${given.counts.balanced} model calls`);
}

export async function a_linked_value_is_named_and_a_primitives_is_followed(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.put(SAMPLER, { preset: "custom" });
  await comfy.page.evaluate((id) => {
    const { app, LiteGraph } = window;
    const sampler = app.graph.getNodeById(id);
    const number = LiteGraph.createNode("PrimitiveInt");
    app.graph.add(number);
    number.widgets[0].value = 20;
    const slot = sampler.inputs.findIndex((input) => input.widget?.name === "resample_r");
    number.connect(0, sampler, slot);
  }, SAMPLER);
  await comfy.settle(300);
  assert.equal((await comfy.said(SAMPLER)).calls, "206 model calls");
  await comfy.page.evaluate((id) => {
    const { app, LiteGraph } = window;
    const sampler = app.graph.getNodeById(id);
    const schedule = LiteGraph.createNode("MaskGuidanceSchedule");
    app.graph.add(schedule);
    const slot = sampler.inputs.findIndex((input) => input.widget?.name === "resample_r");
    schedule.connect(1, sampler, slot);
  }, SAMPLER);
  await comfy.settle(300);
  const said = await comfy.said(SAMPLER);
  assert.match(said.more, /set by a link: resample_r/);
  assert.match(said.classes, /dim/);
}

export async function the_sampler_node_follows_the_sigmas_of_its_user(comfy) {
  await comfy.loadExample("sampler_custom_advanced");
  const ids = await comfy.page.evaluate(() => ({
    sampler: window.app.graph.nodes.find((n) => n.type === "MaskGuidanceSampler").id,
    sigmas: window.app.graph.nodes.find((n) => n.type === "MaskGuidanceSigmas").id,
  }));
  await comfy.put(ids.sampler, { method: "repaint", resample_r: 10, resample_j: 10, start_resampling: 10000 });
  await comfy.put(ids.sigmas, { skip_type: "uniform", skip_steps: 50 });
  await comfy.page.evaluate(() => window.app.extensionManager.workflow.activeWorkflow.changeTracker.checkState?.());
  await comfy.settle(400);
  await comfy.show(ids.sampler);
  assert.equal((await comfy.said(ids.sampler)).calls, "410 model calls");
  const alone = await comfy.fresh("MaskGuidanceSampler");
  assert.match((await comfy.said(alone)).more, /depends on the sigmas/);
  assert.equal(await comfy.editable(alone, "resample_j"), false);
}

export async function impossible_settings_say_what_is_wrong_before_the_run(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.put(SAMPLER, { preset: "custom", skip_type: "leading", skip_steps: 300 });
  const said = await comfy.said(SAMPLER);
  assert.match(said.calls, /cannot take exactly 300 of 1000 timesteps/);
  assert.match(said.classes, /wrong/);
}

export async function the_marker_runs_with_the_sampler_and_goes_when_it_is_done(comfy, given) {
  await tiny(comfy, given, { skip_steps: 40, resample_r: 3, resample_j: 10 });
  const expected = (await comfy.said(SAMPLER)).calls;
  assert.ok(await comfy.queue());
  await comfy.waitUntil(
    (plot) => [...document.querySelectorAll(`${plot} .calls`)].some((e) => /^call \d+ of \d+$/.test(e.textContent)),
    "[data-testid=mask-guidance-schedule]",
  );
  assert.equal((await comfy.ended()).kind, "execution_success");
  await comfy.settle(300);
  const said = await comfy.said(SAMPLER);
  assert.equal(said.calls, expected);
  const most = Math.max(...(await comfy.heard("progress")).filter((e) => String(e.node) === "6").map((e) => e.max));
  assert.equal(expected, `${most} model calls`, "the server made another number of calls");
  assert.match(said.more, /about (under 1 s|\d+ (s|min))/, "an estimate after the first run");
  await comfy.page.evaluate(() => window.app.graph.getNodeById(6).disconnectInput(0));
  assert.doesNotMatch((await comfy.said(SAMPLER)).more, /about \d/, "no estimate for what has not run yet");
}

export async function an_interrupted_run_leaves_no_marker(comfy, given) {
  await tiny(comfy, given, { skip_steps: 1000, resample_r: 1 });
  assert.ok(await comfy.queue());
  await comfy.waitUntil(() => window.heard.filter(({ kind }) => kind === "progress").length > 3);
  await comfy.page.evaluate(() => window.app.api.interrupt());
  assert.equal((await comfy.ended()).kind, "execution_interrupted");
  await comfy.settle(300);
  assert.equal((await comfy.said(SAMPLER)).calls, "1,000 model calls");
}

export async function a_failed_run_says_why_and_leaves_no_marker(comfy, given) {
  await tiny(comfy, given, { seed: unlike() });
  await comfy.put(LOADER, { model_name: "must_be_told.safetensors" });
  await comfy.page.evaluate((id) => window.app.graph.getNodeById(id).disconnectInput(2), SAMPLER);
  assert.ok(await comfy.queue());
  const ending = await comfy.ended();
  assert.equal(ending.kind, "execution_error");
  assert.match(ending.exception_message, /connect a Class Label node to 'positive'/);
  assert.equal((await comfy.said(SAMPLER)).calls, "10 model calls");
  await comfy.dismissErrors();
}

export async function saving_and_loading_keeps_every_value_and_the_widget_is_not_saved(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.put(SAMPLER, { preset: "custom", resample_r: 5, start_resampling: 12, timestep_respacing: "10,10,5" });
  const before = await comfy.values(SAMPLER);
  const saved = await comfy.page.evaluate(() => JSON.parse(JSON.stringify(window.app.graph.serialize())));
  const node = saved.nodes.find((n) => n.id === SAMPLER || n.id === String(SAMPLER));
  assert.equal(node.widgets_values.length, 22);
  await comfy.load(saved, SAMPLER);
  assert.deepEqual(await comfy.values(SAMPLER), before);
  const prompt = await comfy.page.evaluate(async () => (await window.app.graphToPrompt()).output["6"].inputs);
  assert.ok(!("schedule" in prompt));
  assert.equal(prompt.timestep_respacing, "10,10,5");
}

export async function inside_a_subgraph_it_works_and_marks_the_run(comfy, given) {
  await tiny(comfy, given, { skip_steps: 40, resample_r: 3, resample_j: 10 });
  const inner = await comfy.page.evaluate((id) => {
    const { app } = window;
    const sampler = app.graph.getNodeById(id);
    const { node } = app.graph.convertToSubgraph(new Set([sampler]));
    window.subgraphNode = node;
    return node.subgraph.nodes[0].id;
  }, SAMPLER);
  await comfy.settle(300);
  const models = new Set();
  const note = (request) => request.url().endsWith(ROUTE) && models.add(request.postDataJSON().model);
  comfy.page.on("request", note);
  assert.ok(await comfy.queue());
  await comfy.waitUntil(
    (id) => {
      const node = window.subgraphNode.subgraph.getNodeById(id);
      const widget = node.widgets.find((w) => w.type.startsWith("mask_guidance_schedule"));
      return /^call \d+ of \d+$/.test(widget.element.querySelector(".calls").textContent);
    },
    inner,
    60,
  );
  assert.equal((await comfy.ended()).kind, "execution_success");
  comfy.page.off("request", note);
  assert.ok(models.has(given.model), `asked for ${[...models]}`);
}

export async function a_blueprint_is_found_by_search_and_paints(comfy, given) {
  const { page } = comfy;
  await tiny(comfy, given);
  await page.evaluate((id) => {
    const { app } = window;
    for (const gone of [3, 4, id, 7, 9, 10, 11]) app.graph.remove(app.graph.getNodeById(gone));
    app.canvas.ds.scale = 0.5;
    app.canvas.ds.offset = [600, 500];
    app.canvas.setDirty(true, true);
  }, SAMPLER);
  await comfy.settle();
  await comfy.openSearch(1000, 800);
  await page.keyboard.type("RePaint inpaint", { delay: 10 });
  await page.getByText("Subgraph Blueprints", { exact: false }).first().waitFor();
  await comfy.settle(500);
  await page.keyboard.press("Enter");
  await comfy.waitUntil(() => window.app.graph.nodes.some((node) => node.subgraph));
  await page.mouse.move(950, 700, { steps: 3 }); // a new node hangs at the pointer until the next click
  await comfy.settle(300);
  await page.mouse.click(950, 700);
  await comfy.settle(300);
  const id = await page.evaluate(() => {
    const { app } = window;
    const node = app.graph.nodes.find((n) => n.subgraph);
    const [load, image, label, save] = [1, 2, 5, 8].map((n) => app.graph.getNodeById(n));
    const into = (origin, output, name) => {
      origin.connect(
        output,
        node,
        node.inputs.findIndex((input) => input.name === name),
      );
    };
    into(load, 0, "model");
    into(load, 1, "vae");
    into(image, 0, "image");
    into(image, 1, "mask");
    into(label, 0, "positive");
    node.connect(0, save, 0);
    return node.id;
  });
  await comfy.show(id);
  await comfy.choose(id, "preset", "draft");
  await comfy.waitUntil((outer) => {
    const sampler = window.app.graph.getNodeById(outer).subgraph.nodes.find((n) => n.type === "MaskGuidanceKSampler");
    const { element } = sampler.widgets.find((w) => w.type.startsWith("mask_guidance_schedule"));
    return element.querySelector(".calls").textContent === "19 model calls";
  }, id);
  assert.ok(await comfy.queue());
  assert.equal((await comfy.ended()).kind, "execution_success");
}

export async function the_help_of_a_node_opens_in_the_page(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.clickTitle(SAMPLER);
  await comfy.page.locator("[data-testid=info-button]").first().click();
  await comfy.page.getByText("Common mistakes").first().waitFor();
  await comfy.waitUntil(() =>
    [...document.images].some((image) => image.src.includes("/docs/ksampler.png") && image.naturalWidth > 0),
  );
  await comfy.picture("help");
  await comfy.panel(false); // an older page measures nodes otherwise beside it
  await comfy.page.evaluate(() => window.app.canvas.deselectAll());
}

export async function mask_nodes_show_what_they_have_done(comfy, given) {
  const ids = await comfy.page.evaluate(
    ([picture, seed]) => {
      const { app, LiteGraph } = window;
      app.graph.clear();
      const add = (kind, settings = {}) => {
        const node = LiteGraph.createNode(kind);
        node.pos = [app.graph.nodes.length * 1500, 0]; // one at a time in view
        app.graph.add(node);
        for (const [name, value] of Object.entries(settings)) node.widgets.find((w) => w.name === name).value = value;
        return node;
      };
      const load = add("LoadImage", { image: picture });
      const prepare = add("MaskGuidancePrepareMask", { grow: seed % 5 });
      const crop = add("MaskGuidanceCrop", { width: 32, height: 32, context_factor: 1 + (seed % 97) / 100 });
      const invert = add("ImageInvert");
      const stitch = add("MaskGuidanceStitch");
      const colour = add("PrimitiveString", { value: "#80a0c0" });
      const from = add("MaskGuidanceMaskFromImage", { tolerance: 90 + (seed % 20) });
      load.connect(0, crop, 0);
      load.connect(1, prepare, 0);
      prepare.connect(0, crop, 1);
      crop.connect(0, invert, 0);
      crop.connect(2, stitch, 0);
      invert.connect(0, stitch, 1);
      load.connect(0, from, 0);
      colour.connect(
        0,
        from,
        from.inputs.findIndex(({ name }) => name === "colour"),
      ); // text, as in saved workflows
      for (const result of [stitch, from]) {
        if (result === stitch) result.connect(0, add("PreviewImage"), 0);
        else {
          const image = add("MaskToImage");
          result.connect(0, image, 0);
          image.connect(0, add("PreviewImage"), 0);
        }
      }
      return { prepare: prepare.id, crop: crop.id, stitch: stitch.id, from: from.id };
    },
    [given.picture, unlike()],
  );
  const pixels = async (name) => {
    await comfy.show(ids[name]);
    await comfy.settle(300);
    return await comfy.count(name === "prepare" ? "white" : "vivid");
  };
  const before = {};
  for (const name of Object.keys(ids)) before[name] = await pixels(name);
  assert.ok(await comfy.queue());
  assert.equal((await comfy.ended()).kind, "execution_success");
  for (const name of Object.keys(ids)) {
    let after = 0;
    for (let i = 0; i < 30 && after < before[name] + 1000; i++) after = await pixels(name);
    await comfy.picture(`${name}-shows`);
    assert.ok(after > before[name] + 1000, `${name}: ${before[name]}, then ${after} such pixels`);
  }
}
