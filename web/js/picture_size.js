// The size of the picture that a node is given, where the page sees it. No side effects.

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
  LoadImage: (node) => sizeOf(node.imgs?.[0]),
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

function sizeOf(picture) {
  return picture?.naturalWidth ? [picture.naturalWidth, picture.naturalHeight] : undefined;
}
