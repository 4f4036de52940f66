// The run record is found in a picture's text.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { pngText } from "../../web/js/png_text.js";

const bytes = (text) => [...text].map((letter) => letter.charCodeAt(0));
const number = (n) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
const chunk = (kind, data) => [...number(data.length), ...bytes(kind), ...data, 0, 0, 0, 0];
const png = (...chunks) => new Uint8Array([...bytes("\x89PNG\r\n\x1a\n"), ...chunks.flat()]).buffer;

test("a text is found by its key, behind others", () => {
  const file = png(chunk("IHDR", [1, 2]), chunk("tEXt", bytes("prompt\0{}")), chunk("tEXt", bytes("mine\0[1]")));
  assert.equal(pngText(file, "mine"), "[1]");
  assert.equal(pngText(file, "prompt"), "{}");
  assert.equal(pngText(file, "min"), null);
});

test("an international text is read as UTF-8", () => {
  const data = [...bytes("mine\0\0\0en\0mine\0"), ...new TextEncoder().encode("遮罩")];
  assert.equal(pngText(png(chunk("iTXt", data)), "mine"), "遮罩");
});

test("files that are none, or are cut short, hold no text", () => {
  const file = png(chunk("tEXt", bytes("mine\0[1]")));
  assert.equal(pngText(new ArrayBuffer(0), "mine"), null);
  assert.equal(pngText(new TextEncoder().encode("{} some JSON").buffer, "mine"), null);
  assert.equal(pngText(file.slice(0, 16), "mine"), null);
});

test("a real picture without a record has none", () => {
  const { buffer } = new Uint8Array(readFileSync(new URL("../../examples/mask_guidance_planet.png", import.meta.url)));
  assert.equal(pngText(buffer, "mask_guidance"), null);
});
