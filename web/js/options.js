// The choices of lists in the page's language: ComfyUI translates names and tooltips of inputs, not their values.

import { app } from "../../../scripts/app.js";
import { optionText, optionWordsOf } from "./option_words.js";
import { locale } from "./page.js";

const OURS = /^MaskGuidance/;

app.registerExtension({
  name: "MaskGuidance.Options",

  nodeCreated(node) {
    if (!OURS.test(node.comfyClass)) return;
    for (const widget of node.widgets ?? []) {
      const words = widget.type === "combo" && optionWordsOf(locale(), widget.name);
      if (words) widget.options.getOptionLabel = (value) => optionText(words, value ?? "");
    }
  },
});
