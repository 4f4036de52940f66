// Which model the page sees behind a node.
import assert from "node:assert/strict";
import { test } from "node:test";

import { modelFile } from "../../web/js/graph.js";

/** A node whose model comes from a loader, of a type, with widgets of these values by name. */
function modelFrom(type, values) {
  const widgets = Object.entries(values).map(([name, value]) => ({ name, value }));
  const loader = { type, widgets };
  const graph = { getLink: () => ({ origin_id: 1, origin_slot: 0 }), getNodeById: () => loader };
  return { graph, inputs: [{ name: "model", link: 7 }] };
}

test("a model of the pack's loader may be a folder, whose name has no ending", () => {
  const name = "ddpm-celebahq-256";
  assert.equal(modelFile(modelFrom("MaskGuidanceLoadModel", { model_name: name, weights: "ema" })), name);
});

test("of another loader the widget with a file's ending counts", () => {
  const values = { dtype: "default", ckpt_name: "sd15.safetensors" };
  assert.equal(modelFile(modelFrom("CheckpointLoaderSimple", values)), "sd15.safetensors");
  assert.equal(modelFile(modelFrom("SomeLoader", { dtype: "default" })), undefined);
});
