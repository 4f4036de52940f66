// The schedule widget of a node: what its settings cost, as a curve, and where a run is on it. What they mean, Python says.

import { Asker } from "./ask.js";
import { inputsOf, modelFile, originOf, settingsOf, targetsOf, upstreamKey, widgetOf } from "./graph.js";
import { MIN_HEIGHT, Plot } from "./plot.js";
import { afterEdit } from "./presets.js";
import { lastSecondsPerCall } from "./runs.js";
import { wordsOf } from "./words.js";

const TYPE = "mask_guidance_schedule"; // how its name begins
const SIGMAS_NODE = "MaskGuidanceSigmas";

/** Of each kind of node: who runs its schedule, which inputs make a model call slow or fast, and what to ask of it. */
const KINDS = {
  MaskGuidanceKSampler: {
    runners: (node) => [node],
    slow: (node) => upstreamKey(node, ["model", "latent_image"]),
    question: ownQuestion,
  },
  MaskGuidanceSampler: {
    runners: (node) => targetsOf(node),
    slow: (node) => JSON.stringify(targetsOf(node).map((at) => upstreamKey(at, ["model", "guider", "latent_image"]))),
    question: questionWithSigmas,
  },
  MaskGuidanceSchedule: { runners: () => [], slow: () => "", question: ownQuestion },
};

export const SCHEDULED = Object.keys(KINDS);

/** A node's own values, and which of them only a run will show. */
function ownQuestion(node) {
  const { values, linked } = settingsOf(node, inputsOf(node));
  return { asked: { ...values, model: modelFile(node) }, linked };
}

/** With what the sigmas of its user say of the timesteps; `unknown` where they say nothing. */
function questionWithSigmas(node) {
  const own = settingsOf(node, inputsOf(node));
  const source = targetsOf(node)
    .map((runner) => originOf(runner, "sigmas"))
    .find(Boolean);
  const ours = source?.type === SIGMAS_NODE;
  const theirs = source ? settingsOf(source, ours ? inputsOf(source) : ["steps"]) : { values: {}, linked: [] };
  if (!ours && !theirs.values.steps) return { asked: own.values, linked: [], unknown: true };
  const model = ours ? modelFile(source) : undefined;
  return { asked: { ...theirs.values, ...own.values, model }, linked: [...own.linked, ...theirs.linked] };
}

let born = 0; // so many widgets, in this page

export class ScheduleWidget {
  /**
   * @param {() => string} locale
   * @param {(question: string) => Promise<object>} send To the server.
   */
  constructor(node, locale, send) {
    this.node = node;
    this.kind = KINDS[node.comfyClass];
    this.locale = locale;
    this.plot = new Plot();
    this.run = null;
    this.drawn = null;
    this.idle = new Set(); // inputs that the method does not read
    this.linked = []; // values that only a run will show
    this.unknown = false; // how many steps there will be
    this.asker = new Asker(send, () => this.show());
    // Nodes 2.0 keeps on showing the element that it has for a node's number and a widget's name and type; after an undo that
    // is the element of the node that was there before, were the type not another each time.
    const widget = node.addDOMWidget("schedule", `${TYPE}_${++born}`, this.plot.element, {
      serialize: false, // not part of what is queued
      hideOnZoom: false,
      getMinHeight: () => MIN_HEIGHT,
      getValue: () => "",
      setValue: () => {},
    });
    widget.serialize = false; // nor of the saved workflow
    for (const other of node.widgets) if (other !== widget) afterEdit(other, () => this.refresh());
    after(node, "onConfigure", () => this.refresh());
    after(node, "onConnectionsChange", () => queueMicrotask(() => this.refresh()));
    this.refresh();
  }

  get element() {
    return this.plot.element;
  }

  runsAs(node) {
    return this.kind.runners(this.node).includes(node);
  }

  key() {
    const guided = widgetOf(this.node, "cfg")?.value ?? 1;
    return `${this.kind.slow(this.node)} ${guided !== 1}`;
  }

  /** @param {{value: number, max: number, seconds?: number} | null} run Where it is; null: it is over. */
  follow(run) {
    this.run = run;
    this.refreshSoon();
  }

  /** A run may have shown what model it is. */
  askAgain() {
    this.asker.askAgain();
  }

  /** At most once a frame: a small model sends hundreds of messages a second. */
  refreshSoon() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.refresh();
    });
  }

  refresh() {
    const { asked, linked, unknown = false } = this.kind.question(this.node);
    Object.assign(this, { linked, unknown });
    this.asker.ask(asked);
    this.show();
  }

  /** What is known now. */
  show() {
    const words = wordsOf(this.locale());
    const { answer, silent, busy } = this.asker;
    this.plot.axis.textContent = words.axis;
    this.plot.wait(busy);
    if (answer?.unused) this.grey(answer.unused);
    if (this.unknown) this.sayOnly({ more: words.unknownSteps });
    else if (!answer) this.sayOnly({ more: silent ? words.neverAnswered : "" });
    else if (answer.error) this.sayOnly({ calls: answer.error, more: silent ? words.silent : "", wrong: true });
    else this.tell(answer, words);
  }

  sayOnly({ calls = "", more, wrong = false }) {
    if (!wrong) this.draw([], 1);
    this.plot.mark(null);
    this.plot.say({ calls, more, label: [calls, more].filter(Boolean).join(" "), wrong });
  }

  tell(answer, words) {
    this.draw(answer.points, answer.top);
    const { run } = this;
    const calls = words.calls(words.number(answer.calls), answer.about);
    const relative = words.relative(shortNumber(answer.calls / answer.plain));
    const linked = this.linked.filter((name) => answer.reads.includes(name));
    const more = linked.length ? words.linked(linked.join(", ")) : relative;
    const seconds = run?.seconds ?? lastSecondsPerCall(this.key());
    const label = words.label(calls, words.number(answer.steps), more);
    this.plot.mark(run && run.max > 1 ? run.value / run.max : null);
    if (run) {
      const left = seconds === undefined ? "" : words.left(words.duration(seconds * (run.max - run.value)));
      const at = words.running(words.number(run.value), words.number(run.max));
      this.plot.say({ calls: at, more: [left, more].filter(Boolean).join(" · "), label });
    } else if (this.asker.silent) {
      this.plot.say({ calls, more: words.silent, label: `${label} ${words.silent}`, dim: true });
    } else {
      const time = seconds === undefined ? "" : words.estimate(words.duration(seconds * answer.calls));
      const models = answer.needs ? words.manyTimesteps(words.number(answer.needs)) : "";
      const rest = [time, more, models].filter(Boolean).join(" · ");
      this.plot.say({ calls, more: rest, label, dim: linked.length > 0 });
    }
  }

  /** Draw unless it is drawn already: a marker moves far more often than its curve changes. */
  draw(points, top) {
    if (points === this.drawn) return;
    this.drawn = points;
    this.plot.draw(points, top);
  }

  /** Inputs that do nothing now cannot be edited; they keep their values, and these are sent as before. */
  grey(unused) {
    for (const widget of this.node.widgets) {
      const idle = unused.includes(widget.name);
      if (idle || this.idle.has(widget.name)) widget.disabled = idle;
    }
    if (unused.length !== this.idle.size || !unused.every((name) => this.idle.has(name))) {
      this.idle = new Set(unused);
      this.node.setDirtyCanvas?.(true, true);
    }
  }
}

function shortNumber(value) {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}

function after(object, name, action) {
  const before = object[name];
  object[name] = function (...words) {
    const result = before?.apply(this, words);
    action();
    return result;
  };
}
