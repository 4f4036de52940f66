// Runs cases in one browser and prints a line of JSON for each: node run.mjs ADDRESS CHROMIUM vue|litegraph FOLDER
// with what pytest knows as JSON on standard input, and names of cases (all, where none) as further words.

import { readFileSync } from "node:fs";
import * as nodes from "./cases.mjs";
import * as grey from "./grey_cases.mjs";
import { Comfy } from "./harness.mjs";
import * as messages from "./message_cases.mjs";
import * as screen from "./screen_cases.mjs";

const [address, chromium, mode, folder, ...names] = process.argv.slice(2);
const cases = { ...nodes, ...screen, ...messages, ...grey };
const given = JSON.parse(readFileSync(0, "utf-8"));
const comfy = await Comfy.open(address, mode === "vue", chromium);
comfy.folder = folder; // for screenshots

for (const name of names.length ? names : Object.keys(cases)) {
  const start = Date.now();
  let error = null;
  comfy.errors.length = 0;
  await comfy.page.keyboard.press("Escape"); // what a failed case has left open
  try {
    await cases[name](comfy, given);
    if (comfy.errors.length) error = `The page's console says:\n${comfy.errors.join("\n")}`;
  } catch (failure) {
    error = [failure.stack, ...comfy.errors].join("\n");
  }
  await comfy.page.screenshot({ path: `${folder}/${mode}-${name}.png` }).catch(() => {});
  console.log(JSON.stringify({ name, error, seconds: (Date.now() - start) / 1000 }));
}
await comfy.close();
