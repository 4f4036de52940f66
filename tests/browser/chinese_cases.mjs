// What speaks Chinese: the page is open in it. As in cases.mjs, each function is one case.

import assert from "node:assert/strict";
import { Skip } from "./harness.mjs";

export const locale = "zh";

export async function in_chinese_nodes_and_widget_speak_chinese(comfy) {
  const id = await comfy.fresh("MaskGuidanceKSampler");
  const [title, label] = await comfy.page.evaluate((wanted) => {
    const node = window.app.graph.getNodeById(wanted);
    return [node.title, node.widgets.find((w) => w.name === "resample_r").label];
  }, id);
  assert.equal(title, "遮罩引导 K 采样器");
  assert.equal(label, "重采样次数 r");
  assert.equal((await comfy.said(id)).calls, "86 次模型调用");
  await comfy.picture("chinese");
}

export async function choices_have_chinese_words_and_send_their_own(comfy) {
  const id = await comfy.fresh("MaskGuidanceKSampler");
  await comfy.page.evaluate((wanted) => {
    const preset = window.app.graph.getNodeById(wanted).widgets.find((widget) => widget.name === "preset");
    window.shown = preset.options.getOptionLabel(preset.value);
  }, id);
  assert.equal(await comfy.page.evaluate(() => window.shown), "balanced 均衡");
  if (comfy.vue) {
    if (!(await comfy.isFrom("1.45"))) throw new Skip("Nodes 2.0 of this page shows choices by their own names");
    await comfy.page.locator(`[data-node-id="${id}"]`).getByText("balanced 均衡").click();
    await comfy.page.getByRole("option", { name: "draft 草稿" }).click();
  } else {
    await comfy.page.mouse.click(...(await comfy.place(id, "preset", 0, 120)));
    await comfy.page.locator(".litecontextmenu .litemenu-entry").getByText("draft 草稿").click();
  }
  await comfy.settle(300);
  assert.equal((await comfy.values(id)).preset, "draft");
}

/** In English, too: the_help_of_a_node_opens_in_the_page. */
export async function help_speaks_chinese_and_elsewhere_english(comfy) {
  assert.equal(await firstHeading(comfy), "常见错误");
  await comfy.speak("zh-TW");
  assert.equal(await firstHeading(comfy), "Common mistakes");
}

async function firstHeading(comfy) {
  const id = await comfy.fresh("MaskGuidanceCrop");
  await comfy.clickTitle(id);
  await comfy.page.locator("[data-testid=info-button]").first().click();
  const heading = comfy.page.locator(".node-help-content h2").first();
  await heading.waitFor();
  const text = await heading.textContent();
  await comfy.picture(`${comfy.locale}-help`);
  await comfy.panel(false);
  return text;
}
