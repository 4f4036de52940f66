// In LiteGraph a node shows every row; rows that its definition calls advanced are folded away there too, as Nodes 2.0 does
// by itself: right click on the node > Show Advanced. Only on nodes that came with it: on others a row that a saved workflow
// has set must stay in sight.

import { app } from "../../../scripts/app.js";

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

app.registerExtension({
  name: "MaskGuidance.Folded",

  nodeCreated(node) {
    if (!FOLDED.has(node.comfyClass)) return;
    for (const widget of node.widgets) if (widget.options?.advanced) fold(node, widget);
    node.setSize([node.size[0], node.computeSize()[1]]);
  },
});
