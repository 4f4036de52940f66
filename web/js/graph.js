// Reading a node's settings out of the graph: widgets, and what links put in their place. No side effects.

const PRIMITIVE = /^Primitive/;
const MOST_HOPS = 20; // of reroutes; a loop of them must not hang the page

export function widgetOf(node, name) {
  return node.widgets?.find((widget) => widget.name === name);
}

/** The node at the far end of an input's link, reroutes and a subgraph's edge passed; null where it is not seen. */
export function originOf(node, inputName) {
  let [at, slot] = [node, node.inputs?.find((input) => input.name === inputName || input.widget?.name === inputName)];
  for (let hop = 0; hop < MOST_HOPS; hop++) {
    const link = slot?.link == null ? null : at.graph?.getLink?.(slot.link);
    if (!link) return null;
    const origin = comesFromOutside(at.graph, link) ? onlyHost(at.graph) : at.graph.getNodeById(link.origin_id);
    if (!origin) return null;
    if (origin.subgraph === at.graph) {
      const { name } = at.graph.inputs[link.origin_slot];
      [at, slot] = [origin, origin.inputs.find((input) => input.name === name)];
    } else if (origin.type === "Reroute") [at, slot] = [origin, origin.inputs[0]];
    else return origin;
  }
  return null;
}

/** A link inside a subgraph that begins at its edge. */
function comesFromOutside(graph, link) {
  return graph.inputNode !== undefined && String(link.origin_id) === String(graph.inputNode.id);
}

/** The node that stands for a subgraph; undefined where several do. */
function onlyHost(subgraph) {
  const [host, ...others] = hostsOf(subgraph, subgraph.rootGraph);
  return others.length ? undefined : host;
}

/** Nodes that an output leads to, reroutes passed. */
export function targetsOf(node, output = 0, hops = MOST_HOPS) {
  const links = node.outputs?.[output]?.links ?? [];
  return links.flatMap((id) => {
    const link = node.graph?.getLink?.(id);
    const target = link && node.graph.getNodeById(link.target_id);
    if (!target || hops === 0) return [];
    return target.type === "Reroute" ? targetsOf(target, 0, hops - 1) : [target];
  });
}

export function isLinked(node, inputName) {
  return node.inputs?.some((input) => input.widget?.name === inputName && input.link != null) ?? false;
}

function valueOfPrimitive(node, name) {
  const origin = originOf(node, name);
  return origin && PRIMITIVE.test(origin.type) ? origin.widgets?.[0]?.value : undefined;
}

/** What a subgraph's nodes in the graph around it say for an input that was made theirs; undefined where they differ. */
function valueOnHosts(node, name) {
  const { graph } = node;
  const slot = node.inputs.find((input) => input.widget?.name === name);
  const link = graph?.getLink?.(slot.link);
  if (!link || !comesFromOutside(graph, link)) return undefined;
  const outer = graph.inputs[link.origin_slot]?.name;
  const values = hostsOf(graph, graph.rootGraph).map((host) =>
    isLinked(host, outer) ? undefined : widgetOf(host, outer)?.value,
  );
  return values.every((value) => value === values[0]) ? values[0] : undefined;
}

/** Nodes that stand for a subgraph, anywhere in a graph. */
function hostsOf(subgraph, graph, seen = new Set()) {
  if (!graph || seen.has(graph)) return [];
  seen.add(graph);
  return graph.nodes.flatMap((node) => {
    if (!node.subgraph) return [];
    return [...(node.subgraph === subgraph ? [node] : []), ...hostsOf(subgraph, node.subgraph, seen)];
  });
}

/**
 * A node's settings by name.
 *
 * @returns {{values: object, linked: string[]}} `linked`: names of inputs whose value only a run will show.
 */
export function settingsOf(node, names) {
  const [values, linked] = [{}, []];
  for (const name of names) {
    const widget = widgetOf(node, name);
    if (!widget) continue;
    values[name] = widget.value;
    if (!isLinked(node, name)) continue;
    const found = [valueOfPrimitive(node, name), valueOnHosts(node, name)].find((value) => value !== undefined);
    if (found === undefined) linked.push(name);
    else values[name] = found;
  }
  return { values, linked };
}

/** The inputs of a node that are set on it, by name; a widget that is not saved is none. */
export function inputsOf(node) {
  return node.widgets.filter((widget) => widget.serialize !== false).map((widget) => widget.name);
}

/** The pack's loader of models without text; it has models that are folders, whose names have no ending. */
export const PIXEL_LOADER = "MaskGuidanceLoadModel";

const MODEL_FILE = /\.(safetensors|sft|ckpt|pth?|bin|gguf)$/i;

/** The node that a node's model is loaded by, other nodes passed that take a model; undefined where it is not seen. */
export function modelLoader(node, hops = MOST_HOPS) {
  const origin = originOf(node, "model");
  if (!origin || hops === 0) return undefined;
  if (origin.inputs?.some((input) => input.name === "model")) return modelLoader(origin, hops - 1);
  return fileOf(origin) === undefined ? undefined : origin;
}

function fileOf(loader) {
  if (loader?.type === PIXEL_LOADER) return widgetOf(loader, "model_name")?.value;
  return loader?.widgets?.map((widget) => widget.value).find((value) => MODEL_FILE.test(value));
}

/** The file that a node's model is loaded from; undefined where it is not seen. */
export function modelFile(node) {
  return fileOf(modelLoader(node));
}

/** The file of the loader that an input is connected to; undefined where it is not seen. */
export function fileBehind(node, inputName) {
  return fileOf(originOf(node, inputName));
}

/** Whether anything is connected to an input; undefined where the node has no such input. */
export function isConnected(node, inputName) {
  const input = node.inputs?.find(({ name }) => name === inputName);
  return input && input.link != null;
}

/** Names of widgets whose value changes neither what a run costs nor what is said of it. */
export const CHANGES_NOTHING = /seed|^control_after|^filename_prefix$|^mask_guidance/;

/**
 * A text that is the same for two runs whose model calls take equally long: all that lies upstream of some inputs.
 * Of a picture its size counts, where the page knows it, and not which one it is.
 */
export function upstreamKey(node, inputNames) {
  const seen = new Set();
  const visit = (at) => {
    if (!at || seen.has(at)) return [];
    seen.add(at);
    const fed = at.inputs?.some(({ link }) => link != null);
    const picture = fed ? undefined : at.imgs?.[0]; // of a fed node it is a preview, and may come while the run is on
    const own = picture?.naturalWidth
      ? [picture.naturalWidth, picture.naturalHeight]
      : (at.widgets ?? []).filter((w) => !CHANGES_NOTHING.test(w.name)).map((w) => w.value);
    return [[at.type, own], ...(at.inputs ?? []).flatMap((input) => visit(originOf(at, input.name)))];
  };
  return JSON.stringify(inputNames.map((name) => visit(originOf(node, name))));
}

/** A node by the id that a run calls it by: "5", or "5:2" for node 2 inside subgraph node 5. */
export function nodeByExecutionId(rootGraph, id) {
  let [graph, node] = [rootGraph, null];
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part)) ?? null;
    graph = node?.subgraph;
  }
  return node;
}
