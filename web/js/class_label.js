// The list of Class Label and Classifier Guidance: the classes of the model or classifier that they serve, searched by name;
// choosing one fills in number and name.

import { app } from "../../../scripts/app.js";
import { after, afterEdit, afterRewiring, ownType } from "./after.js";
import { ClassPicker, PICKER_HEIGHT } from "./class_picker.js";
import { classWordsOf } from "./class_words.js";
import { ANY, linesOf, textOf } from "./classes.js";
import { fileBehind, modelFile, originOf, targetsOf, widgetOf } from "./graph.js";
import { modelFacts } from "./model_facts.js";
import { afterAnyChange, locale } from "./page.js";

// By node: the input that brings the classes, and the file behind it.
const NODES = {
  MaskGuidanceClassLabel: { input: "model", file: fileFor },
  MaskGuidanceClassifierGuidance: { input: "classifier", file: (node) => fileBehind(node, "classifier") },
};
const TYPE = "mask_guidance_classes";
const MARGIN = 6; // around the field, where LiteGraph draws the node
const fields = new Set();

/** The model's file: of the model that is connected, or else of who uses this label. */
function fileFor(node) {
  return (
    modelFile(node) ??
    targetsOf(node)
      .map((target) => modelFile(target))
      .find(Boolean)
  );
}

class ClassField {
  constructor(node) {
    this.node = node;
    this.source = NODES[node.comfyClass];
    this.picker = new ClassPicker((line) => this.write(line));
    const widget = node.addDOMWidget("classes", ownType(TYPE), this.picker.element, {
      serialize: false, // not part of what is queued
      hideInPanel: true, // which would take the element away from the node
      hideOnZoom: false,
      margin: MARGIN,
      getMinHeight: () => PICKER_HEIGHT + 2 * MARGIN,
      getMaxHeight: () => PICKER_HEIGHT + 2 * MARGIN,
      getValue: () => "",
      setValue: () => {},
    });
    widget.serialize = false; // nor of the saved workflow
    this.number = widgetOf(node, "class_label");
    this.name = widgetOf(node, "class_name");
    afterEdit(this.number, () => this.rename());
    for (const own of [this.number, this.name]) afterEdit(own, () => this.refresh());
    this.refresh();
  }

  /** What is known of the model, and the lines to choose from. */
  get known() {
    const file = this.source.file(this.node);
    const told = file === undefined ? null : modelFacts.of(file);
    return { file, told, lines: told?.classes ? linesOf(told, classWordsOf(locale()).any) : [] };
  }

  refresh() {
    const words = classWordsOf(locale());
    const { file, told, lines } = this.known;
    const label = this.label(lines);
    const line = lines.find((each) => each.label === label);
    const most = Math.max(...lines.map((each) => each.label));
    const several = this.named(lines) ? "" : this.name.value?.includes(",") && this.name.value;
    const text = several || (line ? textOf(line) : lines.length ? words.unknown(label, most) : "");
    this.picker.show({ lines, label, text, hint: hint(file, told, words), words });
  }

  /** The label that counts: the name's, where one is given and known. */
  label(lines) {
    return (this.named(lines) ?? { label: this.number.value }).label;
  }

  /** The class of that name; undefined where there is none, or several are named. */
  named(lines) {
    const name = this.name.value?.trim().toLowerCase();
    return name ? lines.find((line) => line.name.toLowerCase() === name) : undefined;
  }

  /** The name goes in where the server can look it up, and where it means this class alone. */
  write({ label, name }) {
    const { told } = this.known;
    const once = told.names.filter((other) => other === name).length === 1;
    const usable = label !== ANY && once && originOf(this.node, this.source.input);
    app.canvas.emitBeforeChange(); // one step for undo
    set(this.node, this.name, usable ? name : "");
    set(this.node, this.number, label);
    app.canvas.emitAfterChange();
    app.canvas.setDirty(true, true);
    this.refresh();
  }

  /** A number typed by hand goes before the name of another class. */
  rename() {
    if (!this.name.value?.trim()) return;
    const line = this.known.lines.find(({ label }) => label === this.number.value);
    this.name.value = line && line.label !== ANY ? line.name : "";
  }
}

function hint(file, told, words) {
  if (file === undefined) return words.noModel;
  if (told?.silent) return words.silent;
  if (told?.error) return told.error;
  return told && !told.classes ? words.noClasses : words.choose;
}

function set(node, widget, value) {
  widget.value = value;
  widget.callback?.(value, app.canvas, node);
}

function refreshAll() {
  for (const field of fields) field.refresh();
}

app.registerExtension({
  name: "MaskGuidance.Classes",

  setup() {
    afterAnyChange(refreshAll);
    modelFacts.listen(refreshAll);
  },

  afterConfigureGraph() {
    refreshAll();
    requestAnimationFrame(() => requestAnimationFrame(refreshAll)); // once Nodes 2.0 has drawn them
  },

  nodeCreated(node) {
    if (!(node.comfyClass in NODES)) return;
    const field = new ClassField(node);
    fields.add(field);
    afterRewiring(node, () => field.refresh());
    after(node, "onRemoved", () => {
      fields.delete(field);
      field.picker.close();
    });
  },
});
