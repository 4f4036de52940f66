// A control that does nothing cannot be edited, keeps its value, and comes back.

import assert from "node:assert/strict";
import { SAMPLER } from "./tiny.mjs";

async function areEditable(comfy, id, names, wanted) {
  for (const name of names)
    assert.equal(await comfy.editable(id, name), wanted, `${name} with ${JSON.stringify(await comfy.values(id))}`);
}

export async function without_resampling_its_numbers_are_grey(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.choose(SAMPLER, "method", "repaint");
  await comfy.said(SAMPLER);
  await areEditable(comfy, SAMPLER, ["resample_r", "resample_j"], true);
  const before = await comfy.values(SAMPLER);
  await comfy.put(SAMPLER, { resample: false });
  await comfy.said(SAMPLER);
  await areEditable(comfy, SAMPLER, ["resample_r", "resample_j"], false);
  await areEditable(comfy, SAMPLER, ["skip_steps"], true);
  await comfy.picture("grey-resample");
  await comfy.put(SAMPLER, { timestep_respacing: "10" });
  await comfy.said(SAMPLER);
  await areEditable(comfy, SAMPLER, ["skip_steps"], false);
  await comfy.put(SAMPLER, { resample: true, timestep_respacing: "" });
  await comfy.said(SAMPLER);
  await areEditable(comfy, SAMPLER, ["resample_r", "resample_j", "skip_steps"], true);
  assert.deepEqual(await comfy.values(SAMPLER), before);
}

export async function outpainting_greys_what_another_way_to_pad_uses(comfy) {
  const id = await comfy.fresh("MaskGuidanceOutpaint");
  await comfy.settle(300);
  const before = await comfy.values(id);
  const uses = {
    pixels: ["left", "bottom"],
    size: ["width", "picture_down"],
    percent: ["right", "top"],
  };
  const all = Object.values(uses).flat();
  for (const [choice, names] of Object.entries(uses)) {
    if (choice !== "pixels") await comfy.choose(id, "pad_by", choice);
    await areEditable(comfy, id, names, true);
    const sides = choice !== "size" ? [...uses.pixels, ...uses.percent] : [];
    await areEditable(
      comfy,
      id,
      all.filter((name) => ![...names, ...sides].includes(name)),
      false,
    );
    await comfy.picture(`grey-pad-${choice}`);
  }
  await areEditable(comfy, id, ["colour"], false);
  await comfy.choose(id, "fill", "colour");
  assert.equal(
    await comfy.page.evaluate(
      (n) => window.app.graph.getNodeById(n).widgets.find((w) => w.name === "colour").disabled,
      id,
    ),
    false,
  );
  assert.deepEqual(await comfy.values(id), { ...before, pad_by: "percent", fill: "colour" });
  await comfy.page.evaluate((n) => {
    const { graph } = window.app;
    const saved = JSON.parse(JSON.stringify(graph.serialize()));
    return window.app.loadGraphData(saved).then(() => n);
  }, id);
  await comfy.show(id);
  await areEditable(comfy, id, ["width"], false);
}
