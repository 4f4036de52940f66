// The size of the picture that a node is given, where the page sees it.

import { originOf, widgetOf } from "./graph.js";

const MOST_HOPS = 20;

/** Nodes whose result is as large as what comes in here. */
const KEEP = {
  VAEEncode: "pixels",
  VAEEncodeForInpaint: "pixels",
  SetLatentNoiseMask: "samples",
  MaskGuidanceFill: "image",
};

/** Nodes that say how large their result is. */
const SAY = {
  EmptyLatentImage: sizeInWidgets,
  EmptySD3LatentImage: sizeInWidgets,
  ImageScale: sizeInWidgets,
  MaskGuidanceCrop: (node) => (widgetOf(node, "fit")?.value === "size" ? sizeInWidgets(node) : undefined),
  LoadImage: (node) => sizeOfFile(widgetOf(node, "image")?.value),
};

/** Width and height; undefined where they are not seen. */
export function pictureSize(node, inputName) {
  let at = originOf(node, inputName);
  for (let hop = 0; at && KEEP[at.type] && hop < MOST_HOPS; hop++) at = originOf(at, KEEP[at.type]);
  return at ? SAY[at.type]?.(at) : undefined;
}

function sizeInWidgets(node) {
  const linked = (name) => node.inputs?.some((input) => input.widget?.name === name && input.link != null);
  const [width, height] = ["width", "height"].map((name) => (linked(name) ? 0 : widgetOf(node, name)?.value));
  return width > 0 && height > 0 ? [width, height] : undefined;
}

const FILE = /^(?:(.*)\/)?([^/]+?)(?: \[(\w+)\])?$/; // folder, name, and "[output]" where it is not an input
const sizes = new Map(); // by address; undefined: on its way, or no picture
const waiting = new Set();

/** Call something whenever the size of another picture has become known. */
export function whenSizeIsKnown(action) {
  waiting.add(action);
}

/** Of a picture on the server; undefined until it is here, which it mostly is already, for its node shows it. */
function sizeOfFile(file) {
  const [, subfolder = "", filename, type = "input"] = String(file ?? "").match(FILE) ?? [];
  if (!filename) return undefined;
  const address = `api/view?${new URLSearchParams({ filename, subfolder, type })}`;
  if (!sizes.has(address)) {
    sizes.set(address, undefined);
    const picture = new Image();
    picture.onload = () => {
      sizes.set(address, [picture.naturalWidth, picture.naturalHeight]);
      for (const action of waiting) action();
    };
    picture.onerror = () => sizes.delete(address);
    picture.src = address;
  }
  return sizes.get(address);
}
