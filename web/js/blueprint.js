// A subgraph's own node says what the sampler inside it says: what a run costs, where it is. It has the words of the inputs
// that were made its own, too. The host lets no widget be added to such a node; a badge is what it shows in both modes.

import { app } from "../../../scripts/app.js";
import { after } from "./after.js";
import { modelFile, settingsOf } from "./graph.js";
import { modelFacts } from "./model_facts.js";
import { afterAnyChange, locale } from "./page.js";

const CROP = "MaskGuidanceCrop";
const PLOT = "mask_guidance_schedule"; // how the type of the widget that counts begins
const COLOURS = { bgColor: "#1f4f86", fgColor: "#ffffff" };
const STYLE = `.mask-guidance-cost {
  position: absolute; right: 0; bottom: 100%; margin-bottom: 4px; padding: 2px 8px; border-radius: 5px; white-space: nowrap;
  pointer-events: none; font: 12px/1.4 system-ui, sans-serif; color: ${COLOURS.fgColor}; background: ${COLOURS.bgColor};
}
.mask-guidance-cost[hidden] { display: none; }`;
const MOST_LETTERS = 60;
const TOO_LARGE = 1.5; // times the model's own side

const WORDS = {
  en: (crop, side) => `crops of ${crop}, the model paints ${side}`,
  zh: (crop, side) => `裁块 ${crop}，模型的尺寸是 ${side}`,
};

const hosts = new Map(); // by subgraph node: what it shows

/** Every node inside, and inside what is inside. */
function* inside(subgraph) {
  for (const node of subgraph.nodes) {
    yield node;
    if (node.subgraph) yield* inside(node.subgraph);
  }
}

class Host {
  constructor(node) {
    this.node = node;
    this.watched = null; // element of the plot inside
    this.observer = new MutationObserver(() => this.refresh());
    this.badge = new window.LGraphBadge({ text: "", ...COLOURS });
    node.badges = [...node.badges, this.badge];
    this.element = Object.assign(document.createElement("div"), { className: "mask-guidance-cost", role: "status" });
    this.element.dataset.testid = "mask-guidance-cost";
  }

  refresh() {
    const nodes = [...inside(this.node.subgraph)];
    const plot = nodes.flatMap((node) => node.widgets ?? []).find(({ type }) => String(type).startsWith(PLOT))?.element;
    if (plot !== this.watched) this.watch(plot);
    this.explain();
    this.say(plot ? [words(plot), misfit(nodes)].filter(Boolean).join(" · ") : "");
  }

  watch(plot) {
    this.observer.disconnect();
    this.watched = plot;
    if (plot) this.observer.observe(plot, { childList: true, characterData: true, subtree: true });
  }

  say(text) {
    this.place(text);
    const drawn = window.LiteGraph.vueNodesMode ? "" : text;
    if (drawn === this.badge.text) return;
    this.badge.text = drawn;
    this.node.setDirtyCanvas?.(true, true);
  }

  /** The element of Nodes 2.0, which makes a new one for the node now and then. */
  place(text) {
    const there = document.querySelector(`[data-node-id="${this.node.id}"]`);
    this.element.textContent = text;
    this.element.hidden = !text;
    if (text && there && this.element.parentElement !== there) there.append(this.element);
  }

  /** Inputs made its own have the words that they have inside; Nodes 2.0 reads none on such a node. */
  explain() {
    for (const widget of this.node.widgets ?? []) {
      // Some pages read them inside themselves, and take none: to assign would raise.
      if (widget.tooltip == null) Reflect.set(widget, "tooltip", tooltipInside(this.node, widget.name));
    }
  }

  leave() {
    this.observer.disconnect();
    this.element.remove();
  }
}

/** The plot's first line, and of the second the time, where one is known. */
function words(plot) {
  const calls = plot.querySelector(".calls")?.textContent ?? "";
  const parts = (plot.querySelector(".more")?.textContent ?? "").split(" · ");
  const said = parts.length > 1 ? `${calls} · ${parts[0]}` : calls;
  return said.length > MOST_LETTERS ? `${said.slice(0, MOST_LETTERS)} ...` : said;
}

/** What is to be said where crops are far larger than what the model was trained on. */
function misfit(nodes) {
  const crop = nodes.find((node) => node.comfyClass === CROP);
  const file = nodes.map((node) => modelFile(node)).find(Boolean);
  const side = file && modelFacts.of(file)?.size;
  if (!crop || !side) return "";
  const { width, height, fit } = settingsOf(crop, ["width", "height", "fit"]).values;
  if (fit !== "size" || Math.max(width, height) <= TOO_LARGE * side) return "";
  return (WORDS[locale()] ?? WORDS.en)(`${width}x${height}`, `${side}x${side}`);
}

function tooltipInside({ subgraph, inputs }, name) {
  const slot = subgraph.inputs.find((input) => input.name === name);
  const link = slot && subgraph.getLink?.(slot.linkIds[0]);
  const target = link && subgraph.getNodeById(link.target_id);
  const input = target?.inputs[link.target_slot]?.name;
  const given = target?.constructor.nodeData?.input;
  return inputs && input ? (given?.required?.[input] ?? given?.optional?.[input])?.[1]?.tooltip : undefined;
}

function refreshAll() {
  for (const host of hosts.values()) host.refresh();
}

const soon = () => setTimeout(refreshAll, 100); // after what a person did has reached the nodes

app.registerExtension({
  name: "MaskGuidance.Blueprints",

  setup() {
    document.head.append(Object.assign(document.createElement("style"), { textContent: STYLE }));
    afterAnyChange(refreshAll);
    modelFacts.listen(refreshAll);
  },

  afterConfigureGraph: soon,

  nodeCreated(node) {
    if (!node.subgraph) return;
    const host = new Host(node);
    hosts.set(node, host);
    soon();
    after(node, "onRemoved", () => {
      hosts.delete(node);
      host.leave();
    });
  },
});
