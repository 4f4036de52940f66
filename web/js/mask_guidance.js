// The pack's part of the page: a schedule widget on the nodes that have a schedule, and presets that fill in their values.

import { app } from "../../../scripts/app.js";
import { after } from "./after.js";
import { KINDS } from "./kinds.js";
import { afterAnyChange, locale } from "./page.js";
import { whenSizeIsKnown } from "./picture_size.js";
import { connectPresets } from "./presets.js";
import { watchRuns } from "./runs.js";
import { ScheduleWidget } from "./schedule_widget.js";
import { connectUses } from "./uses.js";

const PATIENCE = 10_000; // milliseconds that an answer may take: a server that loads a model is busy

const plots = new Set();

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
    afterAnyChange(refreshAll);
  },

  nodeCreated(node) {
    connectUses(node);
    if (!(node.comfyClass in KINDS)) return;
    connectPresets(node);
    const plot = new ScheduleWidget(node, locale, ask);
    plots.add(plot);
    plot.element.addEventListener("wheel", zoomCanvas);
    after(node, "onRemoved", () => plots.delete(plot));
  },
});
