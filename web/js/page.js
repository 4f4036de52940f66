// What this pack's extensions ask of the page, and what they are told by it.

import { app } from "../../../scripts/app.js";

const SETTLED = 100; // milliseconds, until what a person did has reached the nodes

/** "en", "zh" ... */
export const locale = () => app.extensionManager?.setting?.get("Comfy.Locale") ?? "en";

/** Call something after whatever may have changed a node: a value set outside, on a subgraph's own node, is told to no one. */
export function afterAnyChange(action) {
  for (const news of ["graphChanged", "reconnected"]) app.api.addEventListener(news, action);
  for (const hand of ["pointerup", "keyup"]) window.addEventListener(hand, () => setTimeout(action, SETTLED), true);
}
