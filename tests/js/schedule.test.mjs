// web/js/schedule.js says what Python says, by the file that Python wrote.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as page from "../../web/js/schedule.js";

const golden = JSON.parse(readFileSync(new URL("../golden/schedule.json", import.meta.url), "utf-8"));
const sigmas = page.linearSigmas();

/** As make_schedule.py shortens a list. */
function shortened(values) {
  if (values.length <= 40) return { all: values };
  const weighted = values.reduce((sum, value, i) => sum + ((i % 1000) + 1) * value, 0);
  return { count: values.length, first: values.slice(0, 5), last: values.slice(-5), weighted };
}

test("presets and skip types are Python's", () => {
  const costs = Object.fromEntries(
    Object.entries(page.PRESETS).map(([name, p]) => [name, { ...p, calls: page.resampled(p, p.skip_steps).calls }]),
  );
  assert.deepEqual(costs, golden.presets);
  assert.deepEqual(page.SKIP_TYPES, golden.skip_types);
});

test("the linear noise levels are guided-diffusion's", () => {
  for (const [t, value] of Object.entries(golden.sigmas)) {
    assert.ok(Math.abs(sigmas[t] / value - 1) < 1e-9, `timestep ${t}`);
  }
});

for (const { timesteps, error, ...inputs } of golden.timesteps) {
  test(`timesteps of ${Object.values(inputs).join(" ")}`, () => {
    const values = { ...inputs, method: "feedback", resample_r: 1, resample_j: 1, preset: "custom" };
    if (error) return assert.throws(() => page.schedule(values, sigmas), page.ScheduleError);
    assert.deepEqual(shortened(page.schedule(values, sigmas).timesteps), timesteps);
  });
}

test("errors are Python's, word for word", () => {
  for (const { error, ...inputs } of golden.timesteps.filter((c) => c.error && c.denoise === 1)) {
    const values = { ...inputs, method: "feedback", resample_r: 1, resample_j: 1 };
    assert.throws(() => page.schedule(values, sigmas), { message: error });
  }
});

for (const { calls, points, ...values } of golden.curves) {
  test(`curve of ${Object.values(values).join(" ")}`, () => {
    const found = page.schedule(values, sigmas);
    assert.equal(found.calls, calls);
    const drawn = page.curvePoints(found.levels, found.timesteps, sigmas);
    assert.deepEqual(shortened(drawn.flat()), points);
    assert.equal(drawn.at(-1)[0], calls);
  });
}

test("a preset goes before the values, and refuses a second choice of timesteps", () => {
  const values = {
    preset: "paper",
    skip_type: "karras",
    skip_steps: 3,
    resample_r: 1,
    resample_j: 1,
    method: "feedback",
  };
  assert.equal(page.schedule(values, sigmas).calls, 2410);
  assert.throws(() => page.schedule({ ...values, timestep_respacing: "10" }, sigmas), /Both preset 'paper'/);
  assert.equal(page.schedule({ ...values, preset: "custom" }, sigmas).calls, 3);
});

test("resampling that is off costs nothing", () => {
  const values = { preset: "balanced", resample: false };
  assert.equal(page.schedule(values, sigmas).calls, 16);
});

for (const { levels, ...values } of golden.parts) {
  test(`part of ${Object.values(values).join(" ")}`, () => {
    const found = page.schedule({ ...values, skip_type: "uniform" }, sigmas);
    assert.deepEqual(shortened(found.levels), levels);
  });
}

test("part of a chain", () => {
  const values = { skip_type: "uniform", skip_steps: 50, method: "repaint", resample_r: 1, resample_j: 10 };
  assert.equal(page.schedule({ ...values, start_at_step: 10, end_at_step: 30 }, sigmas).calls, 20);
  assert.throws(() => page.schedule({ ...values, start_at_step: 50 }, sigmas), /leave none of the 50 steps/);
});

test("a long curve is thinned out and keeps its outline", () => {
  const values = { skip_type: "uniform", skip_steps: 250, method: "repaint", resample_r: 100, resample_j: 10 };
  const found = page.schedule(values, sigmas);
  const points = page.curvePoints(found.levels, found.timesteps, sigmas);
  const thin = page.decimated(points, 500);
  assert.ok(points.length > 20_000);
  assert.ok(thin.length <= 2004);
  assert.deepEqual([thin[0], thin.at(-1)], [points[0], points.at(-1)]);
  assert.equal(Math.max(...thin.map((p) => p[1])), 999);
  assert.ok(thin.every((p, i) => i === 0 || p[0] >= thin[i - 1][0]));
});

test("halves round to even, as in Python", () => {
  assert.deepEqual([0.5, 1.5, 2.5, 2.4, 2.6].map(page.round), [0, 2, 2, 2, 3]);
});
