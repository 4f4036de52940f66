// The schedule widget of a node: what its settings cost, as a curve, and where a run is on it.

import { originOf, settingsOf, targetsOf, upstreamKey, widgetOf } from "./graph.js";
import { MIN_HEIGHT, Plot } from "./plot.js";
import { afterEdit } from "./presets.js";
import { lastSecondsPerCall } from "./runs.js";
import { CUSTOM, curvePoints, decimated, linearSigmas, resampled, ScheduleError, schedule } from "./schedule.js";
import { wordsOf } from "./words.js";

const TYPE = "mask_guidance_schedule";
const SIGMAS_NODE = "MaskGuidanceSigmas";
const COLUMNS = 500;

const RESAMPLING = ["method", "resample", "resample_r", "resample_j", "start_resampling"];
const TIMESTEPS = ["skip_type", "skip_steps", "timestep_respacing", "denoise", "largest_sigma"];
const PART = ["start_at_step", "end_at_step"];
const OWN = ["preset", ...RESAMPLING, ...TIMESTEPS, ...PART];

/** Of each kind of node: who runs its schedule, and which inputs make a model call slow or fast. */
const KINDS = {
  MaskGuidanceKSampler: { runners: (node) => [node], slow: (node) => upstreamKey(node, ["model", "latent_image"]) },
  MaskGuidanceSampler: {
    runners: (node) => targetsOf(node),
    slow: (node) => JSON.stringify(targetsOf(node).map((at) => upstreamKey(at, ["model", "guider", "latent_image"]))),
  },
  MaskGuidanceSchedule: { runners: () => [], slow: () => "" },
};

export const SCHEDULED = Object.keys(KINDS);

/** Noise levels of the model that the page assumes; one with more timesteps where more are asked for. */
const tables = new Map();
function table(steps) {
  if (!tables.has(steps)) tables.set(steps, linearSigmas(steps));
  return tables.get(steps);
}

export class ScheduleWidget {
  /** @param {() => string} locale */
  constructor(node, locale) {
    this.node = node;
    this.kind = KINDS[node.comfyClass];
    this.locale = locale;
    this.plot = new Plot();
    this.run = null;
    this.drawn = null;
    this.known = { asked: "", plan: null };
    const widget = node.addDOMWidget("schedule", TYPE, this.plot.element, {
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
  show(run) {
    this.run = run;
    this.refreshSoon();
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
    const words = wordsOf(this.locale());
    this.plot.axis.textContent = words.axis;
    try {
      this.tell(this.planned(), words);
    } catch (error) {
      if (!(error instanceof ScheduleError)) throw error;
      this.plot.mark(null);
      this.plot.say({ calls: error.message, more: "", label: error.message, wrong: true });
    }
  }

  /** The schedule of the current settings; null where the number of steps is set elsewhere. */
  planned() {
    const { values, linked } = settingsOf(this.node, OWN);
    if (this.node.comfyClass !== "MaskGuidanceSampler") return { linked, ...this.ofModel(values) };
    const source = this.runnersSigmas();
    if (source?.type === SIGMAS_NODE) {
      const theirs = settingsOf(source, TIMESTEPS);
      return {
        linked: [...linked, ...theirs.linked],
        ...this.ofModel({ ...theirs.values, ...values, preset: CUSTOM }),
      };
    }
    const steps = source && settingsOf(source, ["steps"]);
    if (!steps?.values.steps) return null;
    const found = resampled(values, steps.values.steps);
    const heights = Array.from({ length: found.steps }, (_, i) => found.steps - i);
    return {
      linked: [...linked, ...steps.linked],
      ...found,
      about: true,
      points: levelPoints(found.levels),
      top: heights[0],
    };
  }

  /** The schedule of settings that choose timesteps; worked out anew only where they changed. */
  ofModel(values) {
    const asked = JSON.stringify(values);
    if (asked !== this.known.asked) this.known = { asked, plan: ofModel(values) };
    return this.known.plan;
  }

  runnersSigmas() {
    for (const runner of targetsOf(this.node)) {
      const source = originOf(runner, "sigmas");
      if (source) return source;
    }
    return null;
  }

  tell(plan, words) {
    if (!plan) {
      this.draw([], 1);
      this.plot.mark(null);
      this.plot.say({ calls: "", more: words.unknownSteps, label: words.unknownSteps });
      return;
    }
    this.draw(plan.points, plan.top);
    const { run } = this;
    const calls = words.calls(words.number(plan.calls), plan.about);
    const relative = words.relative(shortNumber(plan.calls / plan.plain));
    const more = plan.linked.length ? words.linked(plan.linked.join(", ")) : relative;
    const seconds = run?.seconds ?? lastSecondsPerCall(this.key());
    const label = words.label(calls, words.number(plan.steps), more);
    this.plot.mark(run && run.max > 1 ? run.value / run.max : null);
    if (run) {
      const left = seconds === undefined ? "" : words.left(words.duration(seconds * (run.max - run.value)));
      const at = words.running(words.number(run.value), words.number(run.max));
      this.plot.say({ calls: at, more: [left, more].filter(Boolean).join(" · "), label });
    } else {
      const time = seconds === undefined ? "" : words.estimate(words.duration(seconds * plan.calls));
      const models = plan.timestepsNeeded ? words.manyTimesteps(words.number(plan.timestepsNeeded)) : "";
      const rest = [time, more, models].filter(Boolean).join(" · ");
      this.plot.say({ calls, more: rest, label, dim: plan.linked.length > 0 });
    }
  }

  /** Draw unless it is drawn already: a marker moves far more often than its curve changes. */
  draw(points, top) {
    if (points === this.drawn) return;
    this.drawn = points;
    this.plot.draw(decimated(points, COLUMNS), top);
  }
}

/** The schedule of settings that choose timesteps, on the model that the page assumes. */
function ofModel(values) {
  const asked = values.preset === CUSTOM || values.preset === undefined ? values.skip_steps : 0;
  const most = Math.max(1000, values.skip_type === "none" ? 0 : asked);
  const sigmas = table(most);
  const found = schedule(values, sigmas);
  const points = curvePoints(found.levels, found.timesteps, sigmas);
  return { ...found, points, top: found.timesteps[0], timestepsNeeded: most > 1000 ? most : 0 };
}

/** The curve where only the number of levels is known. */
function levelPoints(levels) {
  let calls = 0;
  return levels.map((level, i) => [i > 0 && level <= levels[i - 1] ? ++calls : calls, level]);
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
