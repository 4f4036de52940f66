// The schedule of a run, worked out in the page: which timesteps, in which order, how many model calls.
// A port of sampler/{presets,respacing,repaint,feedback,curve}.py, held to them by tests/golden/schedule.json.
// No imports and no side effects: Node tests this file as it is.

export const CUSTOM = "custom";

export const PRESETS = {
  draft: { method: "feedback", skip_type: "karras", skip_steps: 7, resample_r: 4, resample_j: 10 },
  fast: { method: "feedback", skip_type: "karras", skip_steps: 16, resample_r: 4, resample_j: 10 },
  balanced: { method: "feedback", skip_type: "karras", skip_steps: 16, resample_r: 8, resample_j: 10 },
  quality: { method: "feedback", skip_type: "karras", skip_steps: 20, resample_r: 18, resample_j: 10 },
  paper: { method: "repaint", skip_type: "uniform", skip_steps: 250, resample_r: 10, resample_j: 10 },
};

export const SKIP_TYPES = ["karras", "uniform", "leading", "trailing", "quad", "none"];

/** Values from here on mean "all of it" (nodes/widgets.py). */
export const END_OF_CHAIN = 10_000;

const TRAINING_STEPS = 1000;
const LARGEST_SIGMA = 160;
const DIP = 0.5; // of the level's noise, where a repeat goes down to
const UNREPEATED_TOP = 0.3125;
const UNREPEATED_END = 0.1;

/** What a node's settings cannot do; the message is for the person at the keyboard. */
export class ScheduleError extends Error {}

/** Python's round: halves go to the even neighbour. */
export function round(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return rest < 0.5 ? low : low + 1;
  return low % 2 === 0 ? low : low + 1;
}

// --- noise levels -----------------------------------------------------------------------------------------------

/** guided-diffusion's linear schedule: noise over picture at each of its timesteps, rising. */
export function linearSigmas(steps = TRAINING_STEPS) {
  const scale = 1000 / steps;
  const [first, last] = [scale * 1e-4, scale * 0.02];
  const table = [];
  let kept = 1;
  for (let t = 0; t < steps; t++) {
    kept *= 1 - (first + ((last - first) * t) / (steps - 1));
    table.push(Math.sqrt((1 - kept) / kept));
  }
  return table;
}

/** Noise levels dense near the picture, rising (Karras et al. 2022, equation 5). */
function karrasSigmas(count, largest, smallest, rho = 7) {
  const [low, high] = [smallest ** (1 / rho), largest ** (1 / rho)];
  const ramp = (i) => (count > 1 ? i / (count - 1) : 1);
  return Array.from({ length: count }, (_, i) => (low + ramp(i) * (high - low)) ** rho);
}

// --- which timesteps --------------------------------------------------------------------------------------------
// Each gives `count` of `total` timesteps, rising.

function uniform(total, count) {
  if (count === 1) return [total - 1];
  const stride = (total - 1) / (count - 1);
  const rising = [];
  let position = 0;
  for (let i = 0; i < count; i++) {
    rising.push(round(position));
    position += stride; // summed, not multiplied: the original's rounding depends on it
  }
  return rising;
}

function leading(total, count) {
  const stride = Math.max(1, Math.ceil(total / count));
  const rising = [];
  for (let t = 0; t < total; t += stride) rising.push(t);
  if (rising.length !== count) {
    const more = stride > 1 ? Math.ceil(total / (stride - 1)) : total;
    throw new ScheduleError(
      `skip_type 'leading' cannot take exactly ${count} of ${total} timesteps with a whole stride; ` +
        `the nearest possible are ${rising.length} and ${more}.`,
    );
  }
  return rising;
}

function trailing(total, count) {
  return Array.from({ length: count }, (_, i) => round(((i + 1) * total) / count) - 1);
}

function quad(total, count) {
  if (count === 1) return [total - 1];
  const rising = [0];
  for (let i = 1; i < count; i++) {
    rising.push(Math.max(round((total - 1) * (i / (count - 1)) ** 2), rising[i - 1] + 1));
  }
  return rising;
}

function all(total) {
  return Array.from({ length: total }, (_, t) => t);
}

function karras(total, count, sigmas, largest) {
  const table = sigmas.slice(0, total).map(Math.log);
  const finite = sigmas.slice(0, total).filter(Number.isFinite);
  const wanted = karrasSigmas(count, Math.min(largest, Math.max(...finite)), sigmas[0]);
  const rising = [];
  for (let i = 0; i < count; i++) {
    const lowest = i ? rising[i - 1] + 1 : 0;
    rising.push(Math.min(Math.max(nearest(table, Math.log(wanted[i])), lowest), total - count + i));
  }
  return rising;
}

/** Index of the value nearest to another, the first of equals. */
function nearest(values, wanted) {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (Math.abs(values[i] - wanted) < Math.abs(values[best] - wanted)) best = i;
  }
  return best;
}

const CHOICES = { karras, uniform, leading, trailing, quad, none: all };

/** The timesteps that a shorter chain visits, falling. */
export function respacedTimesteps(total, skipType, skipSteps, sigmas, largest = Number.POSITIVE_INFINITY) {
  if (skipType !== "none" && !(skipSteps >= 1 && skipSteps <= total)) {
    const possible = Math.min(Math.max(skipSteps, 1), total);
    throw new ScheduleError(
      `skip_steps is ${skipSteps}, but the model has timesteps 1 to ${total}; the nearest possible is ${possible}.`,
    );
  }
  return CHOICES[skipType](total, skipSteps, sigmas, largest).reverse();
}

/** Timesteps from guided-diffusion's own notation ("250", "ddim50", "10,10,5"), falling. */
export function parseRespacing(total, respacing) {
  const text = respacing.trim();
  if (/^ddim\d+$/.test(text)) return respacedTimesteps(total, "leading", Number(text.slice(4)));
  const parts = text.split(",").map((part) => part.trim());
  if (!parts.every((part) => /^\d+$/.test(part) && Number(part) > 0)) {
    throw new ScheduleError(
      `timestep_respacing is '${respacing}'; write a number ('250'), 'ddim50', or sections '10,10,5'.`,
    );
  }
  if (parts.length === 1) return respacedTimesteps(total, "uniform", Number(parts[0]));
  return sections(total, parts.map(Number));
}

function sections(total, counts) {
  const rising = [];
  let start = 0;
  counts.forEach((count, i) => {
    const size = Math.floor(total / counts.length) + (i < total % counts.length ? 1 : 0);
    if (count > size) {
      throw new ScheduleError(
        `Section ${i + 1} of timestep_respacing holds ${size} steps; ${count} cannot be taken from it.`,
      );
    }
    // A section of one step keeps its first, as the original does.
    for (const step of count === 1 ? [0] : uniform(size, count)) rising.push(start + step);
    start += size;
  });
  return rising.reverse();
}

// --- in which order ---------------------------------------------------------------------------------------------

/** Order of levels with RePaint's jumps, from `steps` down to 0; one level down is one model call. */
export function repaintLevels(steps, j, r, start = Number.POSITIVE_INFINITY) {
  const left = new Map();
  for (let level = 1; level < steps - j + 1; level += j) left.set(level, r - 1);
  const levels = [steps];
  for (let level = steps; level > 1; ) {
    levels.push(--level);
    if ((left.get(level) ?? 0) > 0 && level - 1 <= start - j) {
      left.set(level, left.get(level) - 1);
      for (let i = 0; i < j; i++) levels.push(++level);
    }
  }
  levels.push(0);
  return levels;
}

/** Model calls of `repaintLevels`, without making them. */
export function countModelCalls(steps, j, r, start = Number.POSITIVE_INFINITY) {
  const feet = Math.max(0, Math.ceil((steps - j) / j));
  return steps + (r - 1) * j * Math.min(feet, Math.max(0, Math.floor((start - j) / j) + 1));
}

/** Levels at the noisy and at the clean end that feedback visits once. */
function unrepeated(steps) {
  return [Math.max(1, Math.floor(UNREPEATED_TOP * steps)), Math.max(1, Math.floor(UNREPEATED_END * steps))];
}

/** Order of levels with feedback: those in the middle r times in a row; every entry but the last is a model call. */
export function repeatedLevels(steps, r) {
  const [top, end] = unrepeated(steps);
  const levels = [];
  for (let level = steps; level > 0; level--) {
    const times = level > end && level <= steps - top ? r : 1;
    for (let i = 0; i < times; i++) levels.push(level);
  }
  levels.push(0);
  return levels;
}

/** The visits of a falling order from one level to another, counted from the lower one. */
function partOf(levels, low, high) {
  return [...levels.filter((level) => low < level && level <= high).map((level) => level - low), 0];
}

/** Points [model calls so far, timestep] of a chain; a climb costs no call and stands upright. */
export function curvePoints(levels, timesteps, sigmas) {
  const timestep = (level) => (level ? timesteps[timesteps.length - level] : 0);
  const dips = new Map();
  const points = [[0, timestep(levels[0])]];
  let calls = 0;
  for (let i = 1; i < levels.length; i++) {
    const [before, after] = [levels[i - 1], levels[i]];
    if (after <= before) calls++;
    if (after === before) {
      if (!dips.has(after)) dips.set(after, nearest(sigmas, DIP * sigmas[timestep(after)]));
      points.push([calls, dips.get(after)]);
    }
    points.push([calls, timestep(after)]);
  }
  return points;
}

// --- a node's settings ------------------------------------------------------------------------------------------

/** What the settings of a node stand for: those of its preset, or its own (nodes/widgets.py, `settings`). */
export function chosenSettings(values) {
  const preset = PRESETS[values.preset];
  if (!preset) return values;
  if (values.timestep_respacing?.trim()) {
    throw new ScheduleError(
      `Both preset '${values.preset}' and timestep_respacing '${values.timestep_respacing}' choose the timesteps; ` +
        "set preset to 'custom', or empty timestep_respacing.",
    );
  }
  return { ...values, ...preset };
}

/**
 * The schedule that a node's settings ask for.
 *
 * @param {object} values Inputs by name; what a node has not got may be missing.
 * @param {number[]} sigmas Noise over picture at each of the model's timesteps.
 * @returns {{calls: number, steps: number, plain: number, levels: number[], timesteps: number[], about: boolean}}
 *   `plain`: calls without resampling. `about`: the number of calls depends on the model.
 */
export function schedule(values, sigmas) {
  const chosen = chosenSettings(values);
  const { skip_type, skip_steps } = chosen;
  const { denoise = 1, largest_sigma = LARGEST_SIGMA, start_at_step = 0, end_at_step = END_OF_CHAIN } = values;
  const total = round(denoise * sigmas.length);
  const text = values.timestep_respacing?.trim();
  if (!text && denoise < 1 && skip_steps > total && skip_type !== "none") {
    throw new ScheduleError(
      `denoise ${denoise} leaves ${total} of the model's timesteps, fewer than the ${skip_steps} wanted; raise denoise ` +
        "or choose a smaller preset or skip_steps.",
    );
  }
  const whole = text
    ? parseRespacing(total, text)
    : respacedTimesteps(total, skip_type, skip_steps, sigmas, largest_sigma);
  const timesteps = whole.slice(start_at_step, end_at_step);
  if (!timesteps.length) {
    throw new ScheduleError(
      `start_at_step ${start_at_step} and end_at_step ${end_at_step} leave none of the ${whole.length} steps; lower the ` +
        "first or raise the second.",
    );
  }
  const below = Math.max(0, whole.length - end_at_step);
  const order = resampled(chosen, timesteps.length, below, start_at_step);
  return { ...order, timesteps, about: !text && skip_type === "none" };
}

/** Order and cost of a chain of so many steps, a part of one with so many more below and above. */
export function resampled(values, steps, below = 0, above = 0) {
  const { method, resample_j: j, start_resampling = END_OF_CHAIN } = values;
  const r = values.resample === false ? 1 : values.resample_r;
  const start = start_resampling >= END_OF_CHAIN ? Number.POSITIVE_INFINITY : start_resampling;
  if (method === "feedback") {
    const levels = partOf(repeatedLevels(below + steps + above, r), below, below + steps);
    return { steps, plain: steps, calls: levels.length - 1, levels };
  }
  return {
    steps,
    plain: steps,
    calls: countModelCalls(steps, j, r, start),
    levels: repaintLevels(steps, j, r, start),
  };
}

/** A curve for a plot so many columns wide: of each column the first, lowest, highest and last point are kept. */
export function decimated(points, columns = 500) {
  if (points.length <= 4 * columns) return points;
  const width = (points.at(-1)[0] || 1) / columns;
  const kept = [];
  for (let i = 0; i < points.length; ) {
    const column = Math.floor(points[i][0] / width);
    let [low, high, last] = [i, i, i];
    for (; last < points.length && Math.floor(points[last][0] / width) === column; last++) {
      if (points[last][1] < points[low][1]) low = last;
      if (points[last][1] > points[high][1]) high = last;
    }
    for (const k of [...new Set([i, low, high, last - 1])].sort((a, b) => a - b)) kept.push(points[k]);
    i = last;
  }
  return kept;
}
