// Writes subgraphs/*.json: parts of the example workflows as blueprints, made in ComfyUI's own page.
//
//     node tests/browser/make_blueprints.mjs ADDRESS CHROMIUM
//
// with the address of a ComfyUI that has the pack. Look at the result in the page: it must stand there without errors.

import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { Comfy } from "./harness.mjs";

// The seed stays as it is: LiteGraph shows no "control after generate" on a subgraph's node, and lets it act all the same.
const SAMPLING = { preset: "balanced", seed: 0, control_after_generate: "fixed" };
const SHOWN = ["preset", "seed", "cfg", "denoise"];
const FILLED = ["VAEEncode", "SetLatentNoiseMask", "MaskGuidanceKSampler", "VAEDecode"];
// Inputs are [our name, the conversion's name, type]; outputs [the node inside, name, type].
const GIVEN = [
  ["model", "model", "MODEL"],
  ["vae", "vae", "VAE"],
  ["positive", "positive", "CONDITIONING"],
  ["negative", "negative", "CONDITIONING"],
];
const PREVIEW = "$$canvas-image-preview"; // the host's name for the pictures under a node
const RECORD = ["MaskGuidanceKSampler", "record", "STRING"];

const BLUEPRINTS = {
  "RePaint inpaint": {
    example: "inpaint",
    parts: FILLED,
    inputs: [["image", "pixels", "IMAGE"], ["mask", "mask", "MASK"], ...GIVEN],
    outputs: [["VAEDecode", "IMAGE", "IMAGE"], RECORD],
    description:
      "Fills the masked part of a picture with any diffusion model (RePaint), at the model's own size; the rest stays as it is.",
    aliases: ["inpaint", "RePaint", "fill", "mask guidance"],
  },
  "Remove object (crop and stitch)": {
    example: "remove_object",
    parts: [...FILLED, "MaskGuidancePrepareMask", "MaskGuidanceCrop", "MaskGuidanceStitch"],
    settings: {
      MaskGuidancePrepareMask: { grow: 8 },
      MaskGuidanceCrop: { width: 512, height: 512, context_factor: 2, enlarge: true, merge_distance: 32 },
      MaskGuidanceStitch: { blend_pixels: 16 },
    },
    shown: { MaskGuidancePrepareMask: ["grow"], MaskGuidanceCrop: ["width", "height", "context_factor"] },
    inputs: [["image", "image", "IMAGE"], ["mask", "mask", "MASK"], ...GIVEN],
    outputs: [["MaskGuidanceStitch", "IMAGE", "IMAGE"], RECORD],
    description:
      "Cuts what is masked out of a large picture, paints it anew, and puts it back; all else stays as it is. Set width and height to what the model paints: 64 for the example model, 512 for Stable Diffusion 1.5, 1024 for SDXL.",
    aliases: ["remove object", "inpaint", "crop and stitch", "erase", "RePaint"],
  },
  Outpaint: {
    example: "outpaint",
    parts: [...FILLED, "MaskGuidanceOutpaint", "MaskGuidanceModelView"],
    settings: {
      MaskGuidanceOutpaint: { pad_by: "pixels", left: 64, top: 0, right: 64, bottom: 0, overlap: 8, multiple: 8 },
    },
    shown: { MaskGuidanceOutpaint: ["pad_by", "left", "top", "right", "bottom"] },
    inputs: [["image", "image", "IMAGE"], ...GIVEN],
    outputs: [["VAEDecode", "IMAGE", "IMAGE"], ["MaskGuidanceOutpaint", "MASK", "MASK"], RECORD],
    description: "Makes a picture larger and lets a diffusion model paint what is new (RePaint).",
    aliases: ["outpaint", "extend", "expand canvas", "uncrop", "RePaint"],
  },
};

/** In the page: the workflow of one blueprint. */
function build({ parts, settings = {}, shown = {}, inputs, outputs, SAMPLING, SHOWN, title }) {
  const { app } = window;
  const inside = app.graph.nodes.filter((node) => parts.includes(node.type));
  const put = (node, values) => {
    for (const [name, value] of Object.entries(values)) node.widgets.find((w) => w.name === name).value = value;
  };
  for (const node of inside) put(node, settings[node.type] ?? {});
  const sampler = inside.find((node) => node.type === "MaskGuidanceKSampler");
  put(sampler, SAMPLING);
  const { subgraph, node } = app.graph.convertToSubgraph(new Set(inside));
  node.title = title;
  subgraph.name = title;
  const inner = (type) => subgraph.nodes.find((n) => n.type === type);
  const paints = inner("MaskGuidanceKSampler");

  // What the conversion made of the links at hand, anew: our own names in our own order, nothing else.
  const targets = { negative: [[paints, "negative"]] };
  for (const input of [...subgraph.inputs]) {
    targets[input.name] = input.linkIds.map((id) => {
      const link = subgraph.getLink(id);
      const target = subgraph.getNodeById(link.target_id);
      return [target, target.inputs[link.target_slot].name];
    });
    subgraph.removeInput(input);
  }
  for (const output of [...subgraph.outputs]) subgraph.removeOutput(output);
  for (const [name, was, type] of inputs) {
    const input = subgraph.addInput(name, type);
    for (const [target, slot] of targets[was])
      input.connect(
        target.inputs.find((i) => i.name === slot),
        target,
      );
  }
  for (const [type, name, kind] of outputs) {
    const origin = inner(type);
    subgraph.addOutput(name, kind).connect(
      origin.outputs.find((o) => o.name === name),
      origin,
    );
  }
  const wanted = Object.entries(shown).flatMap(([type, names]) => names.map((name) => [String(inner(type).id), name]));
  node.properties.proxyWidgets = [...wanted, ...SHOWN.map((name) => [String(paints.id), name])];
  app.canvas.deselectAll();
  app.canvas.select(node);
  const { nodes, subgraphs } = app.canvas._serializeItems([node]);
  return JSON.parse(
    JSON.stringify({
      revision: 0,
      last_node_id: 1,
      last_link_id: 0,
      nodes,
      links: [],
      version: 0.4,
      definitions: { subgraphs },
    }),
  );
}

/** The same ids at every making: each random id becomes one made of its place in the file. */
function settled(text, name) {
  const known = new Map();
  return text.replace(/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g, (id) => {
    if (!known.has(id)) {
      const hex = createHash("sha256").update(`${name} ${known.size}`).digest("hex");
      known.set(
        id,
        `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
      );
    }
    return known.get(id);
  });
}

const [address, chromium] = process.argv.slice(2);
const comfy = await Comfy.open(address, false, chromium);
const folder = new URL("../../subgraphs/", import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [title, blueprint] of Object.entries(BLUEPRINTS)) {
  await comfy.loadExample(blueprint.example);
  await comfy.settle(500);
  const made = await comfy.page.evaluate(build, { ...blueprint, SAMPLING, SHOWN, title });
  const [definition] = made.definitions.subgraphs;
  definition.category = "Image generation and editing/Inpaint image";
  definition.description = blueprint.description;
  made.extra = { BlueprintDescription: blueprint.description, BlueprintSearchAliases: blueprint.aliases };
  Object.assign(made.nodes[0], { id: 1, pos: [0, 0] });
  const { id } = definition.nodes.find(({ type }) => type === "MaskGuidanceKSampler");
  made.nodes[0].properties.previewExposures = [
    { name: PREVIEW, sourceNodeId: String(id), sourcePreviewName: PREVIEW }, // the page keeps these itself while it is open
  ];
  writeFileSync(new URL(`${title}.json`, folder), `${settled(JSON.stringify(made, null, 1), title)}\n`);
  const names = (slots) => slots.map((slot) => slot.name).join(", ");
  console.log(`${title}: ${names(definition.inputs)} -> ${names(definition.outputs)}`);
}
console.log(comfy.errors.join("\n"));
await comfy.close();
