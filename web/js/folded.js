// In LiteGraph a node shows every row; rows that its definition calls advanced are folded away there too, as Nodes 2.0 does
// by itself: right click on the node > Show Advanced. A row that somebody has set stays in sight: a workflow that has one opens
// unfolded. Only on nodes that came with it.

import { app } from "../../../scripts/app.js";
import { after } from "./after.js";
import { meant } from "./presets.js";

const FOLDED = new Set(["MaskGuidanceInpaint"]);

/** Mark a row advanced, which the host leaves undrawn, and hidden as long as it is, for else the host keeps its place. */
function fold(node, widget) {
  widget.advanced = true;
  Object.defineProperty(widget, "hidden", {
    get: () => !window.LiteGraph.vueNodesMode && !node.showAdvanced,
    set: () => {},
    configurable: true,
    enumerable: true,
  });
}

/** Whether a row holds something else than its definition and the chosen preset say. */
function isSet({ inputs, preset }, { name, value }) {
  if (!(name in inputs)) return false;
  const [kind, options = {}] = inputs[name];
  const usual = options.default ?? options.options?.[0] ?? (Array.isArray(kind) ? kind[0] : undefined);
  return value !== (preset[name] ?? usual);
}

function keepInSight(node) {
  const { required, optional } = node.constructor.nodeData.input;
  const inputs = { ...required, ...optional };
  const preset = meant(node) ?? {};
  if (node.widgets.some((widget) => widget.advanced && isSet({ inputs, preset }, widget))) {
    node.showAdvanced = true;
  }
}

app.registerExtension({
  name: "MaskGuidance.Folded",

  nodeCreated(node) {
    if (!FOLDED.has(node.comfyClass)) return;
    for (const widget of node.widgets) if (widget.options?.advanced) fold(node, widget);
    node.setSize([node.size[0], node.computeSize()[1]]);

    const { toggleAdvanced } = node;
    // The host makes a node larger for more rows, and leaves it so when they go.
    node.toggleAdvanced = function () {
      const spare = this.size[1] - this.computeSize()[1];
      toggleAdvanced.call(this);
      this.setSize([this.size[0], this.computeSize()[1] + spare]);
    };
    after(node, "onConfigure", () => keepInSight(node));
  },
});
