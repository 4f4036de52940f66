// Controls that do nothing with the choice made beside them are greyed, and keep their values.
// Which choice uses which inputs stands in the node's definition (`uses` of the choice's input).

import { afterEdit, afterRewiring } from "./after.js";
import { isLinked, widgetOf } from "./graph.js";

const PICKER = "color"; // a control that Nodes 2.0 cannot grey: it is hidden

export function connectUses(node) {
  const { required = {}, optional = {} } = node.constructor.nodeData?.input ?? {};
  const uses = Object.entries({ ...required, ...optional }).filter(([, [, options]]) => options?.uses);
  if (!uses.length) return;
  const greyAll = () => {
    for (const [choice, [, options]] of uses) grey(node, choice, options.uses);
    node.setDirtyCanvas?.(true, true);
  };
  for (const [choice] of uses) afterEdit(widgetOf(node, choice), greyAll);
  afterRewiring(node, greyAll);
  greyAll();
}

/** @param {Object<string, string[]>} uses Inputs by option; an input that no option names is not touched. */
function grey(node, choice, uses) {
  const used = isLinked(node, choice) ? undefined : uses[widgetOf(node, choice)?.value];
  for (const name of new Set(Object.values(uses).flat())) {
    const widget = widgetOf(node, name);
    if (!widget) continue;
    widget.disabled = used !== undefined && !used.includes(name);
    if (widget.type === PICKER) widget.options.hidden = widget.disabled;
  }
}
