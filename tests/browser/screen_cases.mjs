// The curve that a person sees is the one that follows, whatever the page did to the node in between.

import assert from "node:assert/strict";
import { SAMPLER } from "./tiny.mjs";

const SAVE = 8; // Save Image, to its right

/** Edits by hand, and the words on the screen after each. */
async function followsEdits(comfy, id) {
  await comfy.choose(id, "preset", "draft");
  await comfy.waitUntilSaid(id, "19 model calls");
  await comfy.choose(id, "preset", "balanced");
  await comfy.waitUntilSaid(id, "86 model calls");
}

export async function after_an_undo_of_something_else_the_curve_follows(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.said(SAMPLER); // a curve that comes later makes its node larger, which is an edit too
  await comfy.settle(500);
  const before = await comfy.position(SAVE);
  await comfy.move(SAVE, 40, 25);
  const moved = await comfy.position(SAVE);
  assert.notDeepEqual(moved, before);
  for (const [keys, place] of [
    ["Control+z", before],
    ["Control+y", moved],
    ["Control+z", before],
  ]) {
    await comfy.press(keys);
    await comfy.settle(500);
    assert.deepEqual(await comfy.position(SAVE), place, keys);
    await comfy.waitUntilSaid(SAMPLER, "86 model calls");
  }
  await followsEdits(comfy, SAMPLER);
}

export async function folded_and_unfolded_the_curve_follows(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.said(SAMPLER);
  const fold = () => comfy.page.evaluate((id) => window.app.graph.getNodeById(id).collapse(), SAMPLER);
  await fold();
  await comfy.settle(300);
  assert.equal(await comfy.plots(), 0, "seen in a folded node");
  await comfy.put(SAMPLER, { preset: "draft" });
  await fold();
  await comfy.settle(300);
  await comfy.waitUntilSaid(SAMPLER, "19 model calls");
  await followsEdits(comfy, SAMPLER);
}

export async function with_the_other_way_to_draw_nodes_and_back_the_curve_follows(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.said(SAMPLER);
  for (let turn = 0; turn < 2; turn++) {
    await comfy.drawOtherwise();
    await comfy.show(SAMPLER);
    await followsEdits(comfy, SAMPLER);
  }
}

export async function in_a_subgraph_entered_left_and_entered_again_the_curve_follows(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  const inner = await comfy.page.evaluate((id) => {
    const { app } = window;
    const { node } = app.graph.convertToSubgraph(new Set([app.graph.getNodeById(id)]));
    window.around = node;
    return node.subgraph.nodes[0].id;
  }, SAMPLER);
  for (let turn = 0; turn < 2; turn++) {
    await comfy.page.evaluate(() => window.app.canvas.openSubgraph(window.around.subgraph, window.around));
    await comfy.settle(300);
    await comfy.show(inner);
    await followsEdits(comfy, inner);
    await comfy.page.evaluate(() => window.app.canvas.setGraph(window.app.rootGraph));
    await comfy.settle(300);
    assert.equal(await comfy.plots(), 0, "seen outside its subgraph");
  }
}

export async function in_another_tab_and_back_the_curve_follows(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.said(SAMPLER);
  const name = await comfy.page.evaluate(() => window.app.extensionManager.workflow.activeWorkflow.path);
  await comfy.loadExample("inpaint", SAMPLER);
  await followsEdits(comfy, SAMPLER);
  await comfy.page.evaluate(async (path) => {
    const { workflow } = window.app.extensionManager;
    await workflow.activeWorkflow.changeTracker.checkState?.();
    await window.app.loadGraphData(
      workflow.getWorkflowByPath(path).activeState,
      true,
      true,
      workflow.getWorkflowByPath(path),
    );
  }, name);
  await comfy.show(SAMPLER);
  await followsEdits(comfy, SAMPLER);
}

export async function pasted_by_keyboard_and_deleted_each_curve_is_its_own(comfy) {
  await comfy.loadExample("inpaint", SAMPLER);
  await comfy.page.evaluate((id) => {
    const { graph } = window.app;
    for (const other of graph.nodes.filter((n) => String(n.id) !== String(id))) graph.remove(other);
  }, SAMPLER);
  await comfy.said(SAMPLER);
  await comfy.clickTitle(SAMPLER);
  await comfy.press("Control+c");
  await comfy.page.mouse.move(700, 450);
  await comfy.press("Control+v");
  const copy = await comfy.page.evaluate(
    (id) => window.app.graph.nodes.find((n) => n.type === "MaskGuidanceKSampler" && String(n.id) !== String(id)).id,
    SAMPLER,
  );
  await comfy.show(copy);
  await comfy.move(copy, 600, 0); // beside the first one, not over it
  await comfy.show(copy);
  await followsEdits(comfy, copy);
  await comfy.clickTitle(copy);
  const both = await comfy.plots();
  await comfy.press("Delete");
  assert.equal(await comfy.plots(), both - 1, "seen without its node");
  await comfy.press("Control+z");
  await comfy.settle(500);
  await comfy.show(copy);
  await followsEdits(comfy, copy);
  await comfy.show(SAMPLER);
  await followsEdits(comfy, SAMPLER);
}

async function fits(comfy, id, when) {
  await comfy.settle(500);
  const { node, plot, last } = await comfy.places(id);
  const text = JSON.stringify({ node, plot, last });
  assert.ok(plot.left >= node.left && plot.right <= node.right, `${when}: sticks out at a side ${text}`);
  assert.ok(plot.bottom <= node.bottom, `${when}: sticks out below ${text}`);
  assert.ok(last.bottom <= plot.bottom, `${when}: words are cut off ${text}`);
  assert.ok(plot.right - plot.left > 0.8 * (node.right - node.left), `${when}: is narrow ${text}`);
  return plot.right - plot.left;
}

export async function the_curve_fits_into_its_node_fresh_and_with_messages_and_beside_the_panel(comfy) {
  const id = await comfy.fresh("MaskGuidanceKSampler");
  await comfy.said(id);
  const wide = await fits(comfy, id, "fresh");
  await comfy.put(id, { preset: "custom", method: "repaint", skip_type: "uniform", skip_steps: 8 });
  await comfy.waitUntilTold(id, /resample_j is 10/);
  await fits(comfy, id, "with a message");
  await comfy.clickTitle(id);
  await comfy.panel(true);
  const row = comfy.page.getByText("resample_j", { exact: true }).last();
  await row.waitFor();
  await comfy.settle(500);
  await comfy.picture("panel");
  assert.equal(await fits(comfy, id, "beside the panel"), wide);
  const empty = await comfy.page.getByText("schedule", { exact: true }).count();
  if (await comfy.isFrom("1.45")) assert.equal(empty, 0, "an empty row in the panel"); // older ones cannot be told
  await comfy.panel(false);
  assert.equal(await fits(comfy, id, "after the panel"), wide);
}
