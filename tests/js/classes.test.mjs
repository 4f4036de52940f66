import assert from "node:assert/strict";
import { test } from "node:test";

import { linesOf, matching, textOf } from "../../web/js/classes.js";

const TOLD = { classes: 4, names: ["cat", "big dog", "small dog", "(any)"], any: 3 };
const lines = linesOf(TOLD, "any class");
const read = (found) => found.map(textOf);

test("'any class' comes first, as -1, and not again under its own label", () => {
  assert.deepEqual(read(lines), ["-1 · any class", "0 · cat", "1 · big dog", "2 · small dog"]);
});

test("a model without names lists its numbers, one without classes nothing", () => {
  assert.deepEqual(read(linesOf({ classes: 2, names: [], any: null }, "any")), ["0", "1"]);
  assert.deepEqual(linesOf({ classes: 0, names: [], any: null }, "any"), []);
});

test("all typed words are in what is found, in any order and case", () => {
  assert.deepEqual(read(matching(lines, "dog SMALL")), ["2 · small dog"]);
  assert.deepEqual(read(matching(lines, "dog")), ["1 · big dog", "2 · small dog"]);
  assert.deepEqual(matching(lines, "bird"), []);
  assert.equal(matching(lines, "  ").length, 4);
});

test("a number finds the labels that begin with it", () => {
  const many = linesOf(
    { classes: 1000, names: Array.from({ length: 1000 }, (_, i) => `name ${999 - i}`), any: null },
    "",
  );
  assert.deepEqual(
    matching(many, "99").map(({ label }) => label),
    [99, 990, 991, 992, 993, 994, 995, 996, 997, 998, 999],
  );
});
