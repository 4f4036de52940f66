// The Inpaint node in the page.

import assert from "node:assert/strict";

const height = (comfy, id) => comfy.page.evaluate((wanted) => window.app.graph.getNodeById(wanted).size[1], id);

/** Choose from the menu of a node that LiteGraph draws. */
async function fromMenu(comfy, id, entry) {
  const [x, y] = await comfy.place(id, "preset", 0.5);
  await comfy.page.mouse.click(x, y - 140, { button: "right" });
  await comfy.settle(300);
  await comfy.page.getByText(entry, { exact: true }).first().click();
  await comfy.settle(300);
}

export async function inpaint_folds_its_advanced_rows_away(comfy) {
  const id = await comfy.fresh("MaskGuidanceInpaint");
  await comfy.said(id);
  if (comfy.vue) {
    assert.equal(await comfy.control(id, "size").count(), 0);
    await comfy.page.locator(`[data-node-id="${id}"]`).getByText("Show advanced inputs").click();
    await comfy.control(id, "size").waitFor();
    return;
  }
  const [folded, before] = [await height(comfy, id), await comfy.values(id)];
  await fromMenu(comfy, id, "Show Advanced");
  assert.ok((await height(comfy, id)) > folded + 400, "as many rows more");
  await comfy.increase(id, "size");
  assert.equal((await comfy.values(id)).size, before.size + 8);
  await fromMenu(comfy, id, "Hide Advanced");
  await comfy.page.mouse.click(...(await comfy.place(id, "variations", 1, -24)));
  await comfy.settle(300);
  assert.ok(Math.abs((await height(comfy, id)) - folded) < 2, "as small as before");
  const after = await comfy.values(id);
  assert.deepEqual([after.size, after.variations], [before.size + 8, before.variations + 1]);
}

export async function a_row_that_somebody_has_set_is_in_sight_when_the_workflow_opens_again(comfy) {
  const id = await comfy.fresh("MaskGuidanceInpaint");
  const shown = async () => {
    await comfy.page.evaluate(() => window.app.loadGraphData(window.app.graph.serialize()));
    await comfy.show(id);
    return await comfy.page.evaluate((wanted) => Boolean(window.app.graph.getNodeById(wanted).showAdvanced), id);
  };
  const usual = { size: 0, merge_distance: 32, preset: "draft" };
  await comfy.put(id, { ...usual, variations: 1 });
  assert.equal(await shown(), false, "what a preset fills in is no setting of somebody");
  await comfy.put(id, { merge_distance: 77 });
  assert.equal(await shown(), true);
}
