// The schedule widget of a node: what its settings cost, as a curve, and where a run is on it. What they mean, Python says.

import { after, afterEdit, ownType } from "./after.js";
import { Asker } from "./ask.js";
import { CHANGES_NOTHING, widgetOf } from "./graph.js";
import { KINDS } from "./kinds.js";
import { News } from "./news.js";
import { Plot } from "./plot.js";
import { lastSecondsPerCall } from "./runs.js";
import { wordsOf } from "./words.js";

const TYPE = "mask_guidance_schedule"; // how its name begins
const MARGIN = 10; // pixels that LiteGraph leaves around it

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
    this.news = new News();
    this.asker = new Asker(send, () => this.show());
    const widget = node.addDOMWidget("schedule", ownType(TYPE), this.plot.element, {
      serialize: false, // not part of what is queued
      hideOnZoom: false,
      hideInPanel: true, // which would take the element out of the node, or show an empty row
      margin: MARGIN,
      getMinHeight: () => this.plot.leastHeight + 2 * MARGIN,
      getValue: () => "",
      setValue: () => {},
    });
    widget.serialize = false; // nor of the saved workflow
    for (const other of node.widgets) if (other !== widget) afterEdit(other, () => this.edited(other.name));
    after(node, "onConfigure", () => this.refresh());
    after(node, "onConnectionsChange", () => queueMicrotask(() => this.edited("")));
    this.refresh();
  }

  /** By hand or by a preset; of what the last run showed, nothing holds any longer. */
  edited(name) {
    if (!CHANGES_NOTHING.test(name)) this.news.forget();
    this.refresh();
  }

  get element() {
    return this.plot.element;
  }

  runsAs(node) {
    return this.kind.runners(this.node).includes(node);
  }

  key(guided = (widgetOf(this.node, "cfg")?.value ?? 1) !== 1) {
    return `${this.kind.slow(this.node)} ${guided}`;
  }

  /** Seconds that a call takes: as measured, or twice those of a call without cfg. */
  secondsPerCall(passes) {
    const measured = lastSecondsPerCall(this.key());
    const alone = passes > 1 ? lastSecondsPerCall(this.key(false)) : undefined;
    return measured ?? (alone === undefined ? undefined : alone * passes);
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
    if (this.plot.tell(this.news.lines(answer?.messages ?? [], words))) this.node.setDirtyCanvas?.(true, true);
  }

  sayOnly({ calls = "", more, wrong = false }) {
    if (!wrong) this.draw([], 1);
    this.plot.mark(null);
    this.plot.say({ calls, more, label: [calls, more].filter(Boolean).join(" "), wrong });
  }

  tell(answer, words) {
    this.draw(answer.points, answer.top);
    const { run } = this;
    const times = this.kind.times(this.node);
    const calls = words.calls(words.number(answer.calls * times), answer.about);
    const linked = this.linked.filter((name) => answer.reads.includes(name));
    const more = [
      linked.length ? words.linked(linked.join(", ")) : words.relative(shortNumber(answer.calls / answer.plain)),
      answer.passes > 1 ? words.twice : "",
      this.kind.eachRegion ? words.eachRegion : "",
    ];
    const seconds = run?.seconds ?? this.secondsPerCall(answer.passes);
    const label = words.label(calls, words.number(answer.steps), joined(more, ", "));
    this.plot.mark(run && run.max > 1 ? along(run, answer.calls) : null);
    if (run) {
      const left = seconds === undefined ? "" : words.left(words.duration(seconds * (run.max - run.value)));
      const at = words.running(words.number(run.value), words.number(run.max));
      const rounds = run.max / answer.calls;
      const round = words.round(words.number(Math.ceil(run.value / answer.calls)), words.number(rounds));
      this.plot.say({
        calls: at,
        more: joined([rounds > 1 && Number.isInteger(rounds) ? round : "", left, ...more]),
        label,
      });
    } else if (this.asker.silent) {
      this.plot.say({ calls, more: words.silent, label: `${label} ${words.silent}`, dim: true });
    } else {
      const time = seconds === undefined ? "" : words.estimate(words.duration(seconds * answer.calls * times));
      const models = answer.needs ? words.manyTimesteps(words.number(answer.needs)) : "";
      this.plot.say({ calls, more: joined([time, ...more, models]), label, dim: linked.length > 0 });
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

/** How far along the curve a run is, 0 to 1; Inpaint goes along it several times, for each fill and each part of a batch. */
function along({ value, max }, calls) {
  return max % calls === 0 ? (((value - 1) % calls) + 1) / calls : value / max;
}

function joined(parts, between = " · ") {
  return parts.filter(Boolean).join(between);
}

function shortNumber(value) {
  return value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
}
