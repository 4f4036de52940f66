// Runs cases in one browser and prints a line of JSON for each: node run.mjs ADDRESS CHROMIUM vue|litegraph FOLDER
// with what pytest knows as JSON on standard input, and names of cases (all, where none) as further words.

import { readdirSync, readFileSync } from "node:fs";
import { Comfy, Skip } from "./harness.mjs";

const [address, chromium, mode, folder, ...names] = process.argv.slice(2);
const files = readdirSync(new URL(".", import.meta.url)).filter((file) => file.endsWith("cases.mjs"));
const modules = await Promise.all(files.sort().map((file) => import(`./${file}`)));
const cases = {}; // by name, each with the language of its file
for (const { locale = "en", ...those } of modules)
  for (const [name, run] of Object.entries(those)) cases[name] = { locale, run };
const given = JSON.parse(readFileSync(0, "utf-8"));
const comfy = await Comfy.open(address, mode === "vue", chromium);
comfy.folder = folder; // for pictures of the window
const preview = comfy.vue && !(await comfy.isFrom("1.41")); // of Nodes 2.0

for (const name of names.length ? names : Object.keys(cases)) {
  const start = Date.now();
  let [error, skipped] = [null, null];
  comfy.errors.length = 0;
  await comfy.page.keyboard.press("Escape"); // what a failed case has left open
  try {
    if (preview) throw new Skip("this page's early Nodes 2.0 greys nothing, and an undo leaves what was shown before");
    await comfy.speak(cases[name].locale);
    await cases[name].run(comfy, given);
    if (comfy.errors.length) error = `The page's console says:\n${comfy.errors.join("\n")}`;
  } catch (failure) {
    if (failure instanceof Skip) skipped = failure.message;
    else error = [failure.stack, ...comfy.errors].join("\n");
  }
  if (error) await comfy.shoot(name);
  console.log(JSON.stringify({ name, error, skipped, seconds: (Date.now() - start) / 1000 }));
}
await comfy.close();
