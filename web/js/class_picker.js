// The look of Class Label's list: a field that shows the class, and a list that opens under it and is searched by typing.
// It knows nothing of nodes.

import { matching, textOf } from "./classes.js";

export const PICKER_HEIGHT = 30;
const LIST_HEIGHT = 280;

const STYLE = `
.mask-guidance-classes { box-sizing: border-box; width: 100%; min-height: ${PICKER_HEIGHT}px; padding: 2px 0; }
.mask-guidance-classes input {
  box-sizing: border-box; width: 100%; height: 26px; padding: 0 10px; border-radius: 6px; text-overflow: ellipsis;
  border: 1px solid var(--border-color, #555); font: 12px/1.3 system-ui, sans-serif;
  color: var(--input-text, #ddd); background: var(--comfy-input-bg, #222);
}
.mask-guidance-classes input::placeholder { color: inherit; opacity: 0.8; }
.mask-guidance-class-list {
  position: fixed; inset: auto; margin: 0; padding: 4px; box-sizing: border-box; overflow-y: auto;
  border: 1px solid var(--border-color, #555); border-radius: 6px; font: 13px/1.4 system-ui, sans-serif;
  color: var(--input-text, #ddd); background: var(--comfy-menu-bg, #353535); box-shadow: 0 4px 16px #0008;
}
.mask-guidance-class-list [role=option] { padding: 3px 8px; border-radius: 4px; cursor: pointer; }
.mask-guidance-class-list [aria-selected=true] { color: #fff; background: #1b62b5; }
.mask-guidance-class-list .none { padding: 3px 8px; opacity: 0.8; }
`;

let lists = 0; // each needs an id of its own, for screen readers

export class ClassPicker {
  /** @param {(line: {label: number, name: string}) => void} choose Called with what a person has chosen. */
  constructor(choose) {
    this.choose = choose;
    this.lines = [];
    this.shown = [];
    this.at = 0; // of `shown`: the one that Enter takes
    this.said = "";
    addStyle();
    this.input = element("input", { type: "text", role: "combobox", autocomplete: "off", spellcheck: false });
    this.list = element("div", { role: "listbox", className: "mask-guidance-class-list", popover: "manual" });
    this.list.id = `mask-guidance-class-list-${++lists}`;
    this.input.setAttribute("aria-controls", this.list.id);
    this.input.setAttribute("aria-autocomplete", "list");
    this.input.ariaExpanded = "false";
    this.element = element("div", { className: "mask-guidance-classes" });
    this.element.dataset.testid = "mask-guidance-classes";
    this.element.append(this.input);
    this.input.addEventListener("focus", () => this.open());
    this.input.addEventListener("click", () => this.open());
    this.input.addEventListener("input", () => this.filter());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.input.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => this.point(event));
    this.list.addEventListener("wheel", (event) => event.stopPropagation());
  }

  /** @param {{lines: object[], label: number, text: string, hint: string, words: object}} told What there is to show now. */
  show({ lines, label, text, hint, words }) {
    Object.assign(this, { lines, label, words, said: text });
    this.input.ariaLabel = words.choose;
    this.input.placeholder = hint;
    this.input.title = text || hint;
    this.input.readOnly = lines.length === 0;
    if (!this.isOpen) this.input.value = text;
  }

  get isOpen() {
    return this.list.isConnected;
  }

  open() {
    if (this.isOpen || !this.lines.length) return;
    this.input.value = "";
    this.input.placeholder = this.words.search;
    document.body.append(this.list);
    this.list.showPopover();
    this.input.ariaExpanded = "true";
    this.filter();
  }

  close() {
    if (!this.isOpen) return;
    this.list.remove();
    this.input.ariaExpanded = "false";
    this.input.removeAttribute("aria-activedescendant");
    this.input.value = this.said;
  }

  /** Show what the typed letters mean, under the field, or over it where there is more room. */
  filter() {
    if (!this.isOpen) return;
    this.shown = matching(this.lines, this.input.value);
    this.list.replaceChildren(...this.shown.map((line, i) => option(line, `${this.list.id}-${i}`)));
    if (!this.shown.length) this.list.append(element("div", { className: "none", textContent: this.words.nothing }));
    const { left, top, bottom, width } = this.input.getBoundingClientRect();
    const [below, above] = [window.innerHeight - bottom - 8, top - 8];
    const up = below < LIST_HEIGHT && above > below;
    Object.assign(this.list.style, {
      left: `${left}px`,
      width: `${Math.max(width, 200)}px`,
      maxHeight: `${Math.min(LIST_HEIGHT, up ? above : below)}px`,
      top: up ? "auto" : `${bottom + 2}px`,
      bottom: up ? `${window.innerHeight - top + 2}px` : "auto",
    });
    const typed = this.input.value.trim() !== "";
    this.mark(
      typed
        ? 0
        : Math.max(
            0,
            this.shown.findIndex(({ label }) => label === this.label),
          ),
    );
  }

  mark(at) {
    this.at = Math.min(Math.max(0, at), this.shown.length - 1);
    for (const old of this.list.querySelectorAll("[aria-selected=true]")) old.ariaSelected = "false";
    const marked = this.list.children[this.at];
    if (!this.shown.length || !marked) return;
    marked.ariaSelected = "true";
    marked.scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", marked.id);
  }

  key(event) {
    event.stopPropagation(); // letters are the page's commands
    const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
    if (event.key in moves) {
      this.open();
      this.mark(this.at + moves[event.key]);
    } else if (event.key === "Enter") this.take(this.shown[this.at]);
    else if (event.key === "Escape") this.input.blur();
    else return;
    event.preventDefault();
  }

  point(event) {
    event.preventDefault(); // the field keeps the focus
    const chosen = event.target.closest("[role=option]");
    if (chosen) this.take(this.shown[[...this.list.children].indexOf(chosen)]);
  }

  take(line) {
    if (!line || !this.isOpen) return;
    this.choose(line);
    this.input.blur();
  }
}

function option(line, id) {
  const row = element("div", { role: "option", id, textContent: textOf(line) });
  row.ariaSelected = "false";
  return row;
}

function element(tag, properties) {
  return Object.assign(document.createElement(tag), properties);
}

function addStyle() {
  if (document.getElementById("mask-guidance-class-style")) return;
  const style = element("style", { id: "mask-guidance-class-style", textContent: STYLE });
  document.head.append(style);
}
