// What an edit of a number costs the page, by real clicks: node edits.mjs ADDRESS CHROMIUM vue|litegraph EDITS
// Prints one line of JSON: for each edit the milliseconds of the pack's own script, until the new curve is there, and of the
// server's answer.

import assert from "node:assert/strict";
import { Comfy } from "../../browser/harness.mjs";

const ROUTE = "/mask_guidance/schedule";
const [address, chromium, mode, edits] = process.argv.slice(2);
const comfy = await Comfy.open(address, mode === "vue", chromium);

/** In the page: note how long the widget's functions take, and when they have drawn another curve. */
async function watch() {
  const script = performance.getEntriesByType("resource").find(({ name }) => /schedule_widget\.js/.test(name));
  const { ScheduleWidget } = await import(script.name);
  performance.clearResourceTimings(); // the list is full by now
  window.edits = [];
  let depth = 0;
  for (const name of ["edited", "show"]) {
    const before = ScheduleWidget.prototype[name];
    ScheduleWidget.prototype[name] = function (...words) {
      const start = performance.now();
      if (name === "edited") window.edits.push({ start, script: 0 });
      const drawn = this.drawn;
      depth += 1;
      const result = before.apply(this, words);
      depth -= 1;
      const last = window.edits.at(-1);
      if (last && depth === 0) last.script += performance.now() - start;
      if (last && this.drawn !== drawn) last.curve = performance.now() - last.start;
      return result;
    };
  }
}

const id = await comfy.fresh("MaskGuidanceKSampler");
await comfy.choose(id, "preset", "paper");
await comfy.increase(id, "resample_r"); // the first makes it custom, too
await comfy.said(id);
await comfy.page.evaluate(watch);
for (let i = 0; i < Number(edits); i++) {
  await comfy.increase(id, "resample_r");
  await comfy.said(id);
}
assert.equal((await comfy.values(id)).resample_r, 11 + Number(edits));
const found = await comfy.page.evaluate((route) => {
  const answers = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(route));
  return { edits: window.edits, answers: answers.map(({ requestStart, responseEnd }) => responseEnd - requestStart) };
}, ROUTE);
assert.deepEqual([found.edits.length, found.answers.length], [Number(edits), Number(edits)]);
for (const { curve } of found.edits) assert.ok(curve, "an edit that drew no curve");
console.log(JSON.stringify(found));
await comfy.close();
