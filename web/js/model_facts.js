// What the server says of a model's file: its classes, the size that it paints. Asked once for each file.

import { app } from "../../../scripts/app.js";

const PATIENCE = 60_000; // milliseconds: the server may have to read gigabytes

class ModelFacts {
  constructor() {
    this.known = new Map(); // by file
    this.listeners = new Set();
  }

  /** @param {() => void} action Called when there is an answer, and when one may have changed. */
  listen(action) {
    if (!this.listeners.size) app.api.addEventListener("execution_start", () => this.forgetFailures());
    this.listeners.add(action);
  }

  /** The server's answer; null as long as there is none. `silent`: nobody answered. */
  of(file) {
    if (!this.known.has(file)) {
      this.known.set(file, null);
      this.ask(file);
    }
    return this.known.get(file);
  }

  async ask(file) {
    try {
      const path = `/mask_guidance/model?file=${encodeURIComponent(file)}`;
      const answer = await app.api.fetchApi(path, { signal: AbortSignal.timeout(PATIENCE) });
      if (!answer.ok) throw new Error(answer.statusText);
      this.known.set(file, await answer.json());
    } catch {
      this.known.set(file, { silent: true });
    }
    this.tell();
  }

  /** A file that could not be read may have been mended. */
  forgetFailures() {
    for (const [file, told] of this.known) if (told?.error || told?.silent) this.known.delete(file);
    this.tell();
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}

export const modelFacts = new ModelFacts();
