// The preset control: choosing one writes its values into the widgets, changing one of these makes it "custom".
// What a preset holds stands in the node's definition (nodes/inputs.py, `preset`). Beside another method than kriged some hold what
// they held when feedback was their method: workflows saved then stay as they are.

import { after, afterEdit } from "./after.js";
import { widgetOf } from "./graph.js";

const CUSTOM = "custom"; // the choice that holds no values
const KRIGED = "kriged";

/** The values that a node's preset stands for, beside the method that is chosen; none if it is "custom". */
export function meant(node) {
  const { presets, beside_another_method } = node.constructor.nodeData.input.required.preset[1];
  const preset = widgetOf(node, "preset").value;
  const usual = presets[preset];
  const method = widgetOf(node, "method")?.value;
  return (usual && method !== KRIGED && beside_another_method[preset]) || usual;
}

export function connectPresets(node) {
  const preset = widgetOf(node, "preset");
  if (!preset) return;
  const { presets } = node.constructor.nodeData.input.required.preset[1];
  const fixed = new Set(Object.values(presets).flatMap(Object.keys));
  let writing = false; // what a preset writes is no edit
  let held = {}; // the preset before an edit, and what it stood for
  const remember = () => {
    held = { preset: preset.value, values: meant(node) };
  };
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
    remember();
  };
  const before = () => {
    if (held.preset !== preset.value) remember(); // changed by what tells no widget, as a script may
    return held.values;
  };
  const becomeCustom = (edited) => {
    const { [edited]: _edited, ...others } = before(); // a workflow may hold other values beside a preset
    write({ ...others, preset: CUSTOM });
  };

  afterEdit(preset, () => {
    if (writing) return;
    const again = preset.value === held.preset; // as a Primitive node writes its value before every run
    write((again ? held.values : presets[preset.value]) ?? {});
  });
  for (const name of fixed) {
    const widget = widgetOf(node, name);
    afterEdit(widget, () => {
      if (writing || !before()) return;
      const now = meant(node);
      if (now[name] === widget.value) write(now);
      else becomeCustom(name);
    });
  }
  afterEdit(widgetOf(node, "timestep_respacing"), (text) => {
    if (!writing && text?.trim() && before()) becomeCustom();
  });
  after(node, "onConfigure", remember);
  remember();
}
