// The look of the schedule widget: a curve, a marker, two lines of text, messages. It knows nothing of nodes.

const SVG = "http://www.w3.org/2000/svg";
const [WIDE, HIGH] = [1000, 100]; // of the drawing, which is stretched to the node
const [DRAWING, PADDING, GAP] = [56, 6, 2]; // pixels: the least height, and what is around it
const TWO_LINES = 30; // of text, while it is not laid out

// Text is told apart by weight and by a line at its side: every colour here must be read on a light and on a dark ground.
const STYLE = `
.mask-guidance-schedule {
  box-sizing: border-box; min-height: ${DRAWING + 2 * PADDING + GAP + TWO_LINES}px; height: 100%; width: 100%;
  padding: ${PADDING}px 8px; display: flex; flex-direction: column; gap: ${GAP}px; border-radius: 6px;
  font: 11px/1.35 system-ui, sans-serif; color: var(--input-text, #ddd); background: var(--comfy-input-bg, #222);
}
.mask-guidance-schedule .drawing { position: relative; flex: 1 1 ${DRAWING}px; min-height: ${DRAWING}px; }
.mask-guidance-schedule svg { position: absolute; inset: 0; width: 100%; height: 100%; }
.mask-guidance-schedule polyline, .mask-guidance-schedule line { vector-effect: non-scaling-stroke; fill: none; }
.mask-guidance-schedule .axis { stroke: currentColor; stroke-width: 1px; opacity: 0.3; }
.mask-guidance-schedule .curve { stroke: color-mix(in srgb, #2f86e4 72%, currentColor); stroke-width: 1.4px; stroke-linejoin: round; }
.mask-guidance-schedule .done { fill: #e5484d; opacity: 0.16; }
.mask-guidance-schedule .now { stroke: #e5484d; stroke-width: 2px; }
.mask-guidance-schedule .axis-name { position: absolute; right: 2px; top: 0; font-size: 10px; }
.mask-guidance-schedule .words { flex: none; user-select: text; }
.mask-guidance-schedule .calls { font-weight: 600; font-variant-numeric: tabular-nums; }
.mask-guidance-schedule .more { font-variant-numeric: tabular-nums; min-height: 1.35em; }
.mask-guidance-schedule .messages p { margin: 4px 0 0; padding-left: 6px; border-left: 3px solid transparent; overflow-wrap: anywhere; }
.mask-guidance-schedule .messages .warning { border-color: #d98a00; }
.mask-guidance-schedule .messages .error { border-color: #e5484d; }
.mask-guidance-schedule .messages .note { padding-left: 0; border: 0; }
.mask-guidance-schedule.dim svg { opacity: 0.35; }
.mask-guidance-schedule.wrong .calls { font-weight: 400; color: color-mix(in srgb, #e5484d 45%, currentColor); }
.mask-guidance-schedule.wrong .drawing { display: none; }
`;

function svg(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function text(className) {
  const element = document.createElement("div");
  element.className = className;
  return element;
}

export class Plot {
  constructor() {
    if (!document.getElementById("mask-guidance-style")) {
      const style = document.createElement("style");
      style.id = "mask-guidance-style";
      style.textContent = STYLE;
      document.head.append(style);
    }
    this.element = text("mask-guidance-schedule");
    this.element.dataset.testid = "mask-guidance-schedule";
    this.element.setAttribute("role", "group");
    this.picture = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none" });
    this.done = svg("rect", { class: "done", x: 0, y: 0, width: 0, height: HIGH });
    this.curve = svg("polyline", { class: "curve" });
    this.now = svg("line", { class: "now", y1: 0, y2: HIGH });
    const axis = svg("polyline", { class: "axis", points: `0,0 0,${HIGH} ${WIDE},${HIGH}` });
    this.picture.append(this.done, axis, this.curve, this.now);
    this.axis = text("axis-name");
    this.axis.setAttribute("aria-hidden", true); // the drawing's label says it
    this.drawing = text("drawing");
    this.drawing.setAttribute("role", "img");
    this.drawing.append(this.picture, this.axis);
    [this.calls, this.more, this.messages, this.words] = ["calls", "more", "messages", "words"].map(text);
    this.messages.setAttribute("role", "status"); // read out when it changes; the lines above change at each call
    this.words.append(this.calls, this.more, this.messages);
    this.element.append(this.drawing, this.words);
    this.mark(null);
  }

  /** Pixels that it needs with what it says now. */
  get leastHeight() {
    return DRAWING + 2 * PADDING + GAP + Math.max(TWO_LINES, this.words.offsetHeight);
  }

  /** @param {[number, number][]} points Model calls so far, and how much noise is left (0 to `top`). */
  draw(points, top) {
    const across = WIDE / (points.at(-1)?.[0] || 1);
    const up = (HIGH - 4) / (top || 1);
    const place = ([call, level]) => `${(call * across).toFixed(1)},${(HIGH - 2 - level * up).toFixed(1)}`;
    this.curve.setAttribute("points", points.map(place).join(" "));
  }

  /** @param {number | null} share Of the run that is done, 0 to 1; null: not running. */
  mark(share) {
    const x = (share ?? 0) * WIDE;
    for (const part of [this.now, this.done]) part.style.display = share === null ? "none" : "";
    this.now.setAttribute("x1", x);
    this.now.setAttribute("x2", x);
    this.done.setAttribute("width", x);
  }

  /** @param {boolean} busy Another curve is on its way. */
  wait(busy) {
    this.element.setAttribute("aria-busy", busy);
  }

  /** @param {{calls: string, more: string, label: string, dim?: boolean, wrong?: boolean}} said */
  say({ calls, more, label, dim = false, wrong = false }) {
    this.calls.textContent = calls;
    this.more.textContent = more;
    this.drawing.setAttribute("aria-label", label || more || calls);
    this.element.classList.toggle("dim", dim);
    this.element.classList.toggle("wrong", wrong);
  }
  /** @param {{text: string, kind: "error" | "warning" | "note"}[]} messages Shown, and read out, if they are others. */
  tell(messages) {
    const shown = JSON.stringify(messages);
    if (shown === this.shown) return false;
    this.shown = shown;
    this.messages.replaceChildren(
      ...messages.map(({ text, kind }) => {
        const line = document.createElement("p");
        line.className = kind;
        line.textContent = text;
        return line;
      }),
    );
    return true;
  }
}
