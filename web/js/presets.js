// The preset control: choosing one writes its values into the widgets, changing one of these makes it "custom".
// What a preset holds stands in the node's definition (nodes/inputs.py, `preset`).

import { afterEdit } from "./after.js";
import { widgetOf } from "./graph.js";

const CUSTOM = "custom"; // the choice that holds no values

export function connectPresets(node) {
  const preset = widgetOf(node, "preset");
  if (!preset) return;
  const presets = node.constructor.nodeData.input.required.preset[1].presets;
  const fixed = new Set(Object.values(presets).flatMap(Object.keys));
  let writing = false; // what a preset writes is no edit
  const write = (values) => {
    writing = true;
    for (const [name, value] of Object.entries(values)) {
      const widget = widgetOf(node, name);
      if (!widget || widget.value === value) continue;
      widget.value = value;
      widget.callback?.(value, undefined, node);
    }
    writing = false;
    node.setDirtyCanvas?.(true, true);
  };

  afterEdit(preset, () => write(presets[preset.value] ?? {}));
  for (const name of fixed) {
    afterEdit(widgetOf(node, name), () => {
      const values = presets[preset.value];
      if (writing || !values) return;
      const { [name]: _edited, ...others } = values; // a workflow may hold other values beside a preset
      write({ ...others, preset: CUSTOM });
    });
  }
  afterEdit(widgetOf(node, "timestep_respacing"), (text) => {
    if (!writing && text?.trim() && presets[preset.value]) write({ ...presets[preset.value], preset: CUSTOM });
  });
}
