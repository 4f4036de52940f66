// Doing something more where the page calls a function of a node or a widget, and a widget's own name. No imports.

/** After a function that an object has, or as one that it has not; what it is called with and what it gives stay. */
export function after(object, name, action) {
  const before = object[name];
  object[name] = function (...words) {
    const result = before?.apply(this, words);
    action();
    return result;
  };
}

/** After each edit of a widget, by hand or by a preset. */
export function afterEdit(widget, action) {
  if (widget) after(widget, "callback", () => action(widget.value));
}

/** After a workflow, an undo or a link has changed a node, and the node's own values are set. */
export function afterRewiring(node, action) {
  for (const event of ["onConfigure", "onConnectionsChange"]) after(node, event, () => queueMicrotask(action));
}

let born = 0; // so many widgets, in this page

/**
 * A type for a DOM widget that no other has. Nodes 2.0 keeps on showing the element that it has for a node's number and a
 * widget's name and type; after an undo that is the element of the node that was there before, were the type not another.
 */
export function ownType(type) {
  return `${type}_${++born}`;
}
