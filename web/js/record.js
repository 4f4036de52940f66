// A picture that this pack has painted holds a record of the run: shown when its workflow is opened.

import { app } from "../../../scripts/app.js";
import { locale } from "./page.js";
import { pngText } from "./png_text.js";

const KEY = "mask_guidance"; // as in nodes/record.py
const CLASS = "mask-guidance-record";
const STYLE = `.${CLASS} .p-toast-detail { white-space: pre-line; overflow-wrap: anywhere; }`;
const TITLES = {
  en: (name) => `Record of ${name}`,
  zh: (name) => `${name} 的运行记录`,
};

let shown = null; // the last one

/** The lines of every run that a file tells of; empty where it tells of none. */
async function recordsOf(file) {
  try {
    const records = JSON.parse(pngText(await file.arrayBuffer(), KEY));
    return Array.isArray(records) ? records.map((lines) => [lines].flat().map(String)) : [];
  } catch {
    return []; // what somebody else wrote there
  }
}

async function show(file) {
  const records = file?.type === "image/png" ? await recordsOf(file) : [];
  if (!records.length) return;
  const { toast } = app.extensionManager;
  if (shown) toast.remove(shown);
  const title = TITLES[locale()] ?? TITLES.en;
  const detail = records.map((lines) => lines.join("\n")).join("\n\n");
  shown = { severity: "info", summary: title(file.name), detail, styleClass: CLASS }; // stays until it is closed
  toast.add(shown);
}

app.registerExtension({
  name: "MaskGuidance.Record",

  setup() {
    document.head.append(Object.assign(document.createElement("style"), { textContent: STYLE }));
    const dropped = ({ dataTransfer }) => {
      if (!app.dragOverNode && dataTransfer?.files.length === 1) show(dataTransfer.files[0]);
    };
    const opened = ({ target }) => {
      if (target.id === "comfy-file-input") show(target.files?.[0]);
    };
    window.addEventListener("drop", dropped, true);
    window.addEventListener("change", opened, true);
  },
});
