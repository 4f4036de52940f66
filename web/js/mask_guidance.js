// The pack's part of the page: a schedule widget on the nodes that have a schedule, and presets that fill in their values.

import { app } from "../../../scripts/app.js";
import { KINDS } from "./kinds.js";
import { whenSizeIsKnown } from "./picture_size.js";
import { connectPresets } from "./presets.js";
import { watchRuns } from "./runs.js";
import { ScheduleWidget } from "./schedule_widget.js";
import { connectUses } from "./uses.js";

const PATIENCE = 10_000; // milliseconds that an answer may take: a server that loads a model is busy

const plots = new Set();
const locale = () => app.extensionManager?.setting?.get("Comfy.Locale") ?? "en";

/** Ask Python; rejects where no server answers, or one without this question. */
async function ask(question) {
  const answer = await app.api.fetchApi("/mask_guidance/schedule", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: question,
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (!answer.ok) throw new Error(answer.statusText);
  return await answer.json();
}

/** Turn the wheel over a plot into the canvas's zoom; Vue nodes do it by themselves. */
function zoomCanvas(event) {
  if (event.target.closest("[data-node-id]")) return;
  event.preventDefault();
  app.canvas.canvas.dispatchEvent(new WheelEvent(event.type, event));
}

app.registerExtension({
  name: "MaskGuidance.Page",

  setup() {
    watchRuns(
      app.api,
      () => app.rootGraph ?? app.graph,
      () => plots,
    );
    const refreshAll = () => {
      for (const plot of plots) plot.refreshSoon();
    };
    whenSizeIsKnown(refreshAll);
    for (const news of ["graphChanged", "reconnected"]) app.api.addEventListener(news, refreshAll);
    // A value set outside, on a subgraph's own node, is told to no one until the next change.
    for (const hand of ["pointerup", "keyup"]) window.addEventListener(hand, () => setTimeout(refreshAll, 50), true);
  },

  nodeCreated(node) {
    connectUses(node);
    if (!(node.comfyClass in KINDS)) return;
    connectPresets(node);
    const plot = new ScheduleWidget(node, locale, ask);
    plots.add(plot);
    plot.element.addEventListener("wheel", zoomCanvas);
    const removed = node.onRemoved;
    node.onRemoved = function (...words) {
      plots.delete(plot);
      return removed?.apply(this, words);
    };
  },
});
