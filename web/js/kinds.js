// The nodes that have a schedule, and what is asked about each: its settings, and what the page sees of its run.

import {
  inputsOf,
  isConnected,
  modelFile,
  modelLoader,
  originOf,
  PIXEL_LOADER,
  settingsOf,
  targetsOf,
  upstreamKey,
} from "./graph.js";
import { pictureSize } from "./picture_size.js";

const SIGMAS_NODE = "MaskGuidanceSigmas";

/**
 * Of each kind of node: who runs its schedule, which inputs make a model call slow or fast, what to ask of it, and how
 * often it runs (`eachRegion`: for each region of a mask, whose number only the run knows).
 */
export const KINDS = {
  MaskGuidanceKSampler: {
    runners: (node) => [node],
    slow: (node) => upstreamKey(node, ["model", "latent_image"]),
    question: (node) => ownQuestion(node, factsOf(node, pictureSize(node, "latent_image"))),
    times: () => 1,
  },
  MaskGuidanceInpaint: {
    runners: (node) => [node],
    slow: (node) => `${upstreamKey(node, ["model"])} ${settingOf(node, "size")}`,
    question: (node) => ownQuestion(node, factsOf(node, squareOf(settingOf(node, "size")))),
    times: (node) => settingOf(node, "variations") ?? 1,
    eachRegion: true,
  },
  MaskGuidanceSampler: {
    runners: (node) => targetsOf(node),
    slow: (node) => JSON.stringify(targetsOf(node).map((at) => upstreamKey(at, ["model", "guider", "latent_image"]))),
    question: questionWithSigmas,
    times: () => 1,
  },
  MaskGuidanceSchedule: {
    runners: () => [],
    slow: () => "",
    question: (node) => ownQuestion(node, { model: modelFile(node) }),
    times: () => 1,
  },
};

/** A node's own values with some facts, and which of them only a run will show. */
function ownQuestion(node, facts) {
  const { values, linked } = settingsOf(node, inputsOf(node));
  if (linked.includes("cfg")) delete values.cfg; // a guess would warn for nothing
  return { asked: { ...values, ...facts }, linked };
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

/** What the page sees of a node that runs a model itself; undefined is not asked. */
function factsOf(node, size) {
  const loader = modelLoader(node);
  return {
    model: modelFile(node),
    by_text: loader ? loader.type !== PIXEL_LOADER : undefined,
    positive: isConnected(node, "positive"),
    negative: isConnected(node, "negative"),
    picture_width: size?.[0],
    picture_height: size?.[1],
  };
}

function settingOf(node, name) {
  return settingsOf(node, [name]).values[name];
}

const squareOf = (side) => (side > 0 ? [side, side] : undefined);
