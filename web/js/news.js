// What a node's last run has to say: its error, and what Python told. No side effects.

export class News {
  constructor() {
    this.forget();
  }

  /** @param {string} error The sentence that a run ended with. */
  fail(error) {
    this.error = error.trim();
  }

  /** @param {{text: string, key: string, values: any[], warns: boolean}[]} messages Of the run that is under way. */
  hear(messages) {
    this.told.push(...messages);
  }

  forget() {
    this.error = "";
    this.told = [];
  }

  /** Another run has begun; what was told stays true until the node itself runs. */
  forgetError() {
    this.error = "";
  }

  /**
   * Lines for the widget.
   *
   * @param {object[]} before Messages that are known without a run; an error goes before them, for it says why.
   */
  lines(before, words) {
    const said = [...this.told, ...(this.error ? [] : before)];
    const once = said.filter(
      ({ text, key }, i) => said.findIndex((m) => (key ? m.key === key : m.text === text)) === i,
    );
    const lines = once.map((m) => ({ text: words.message(m), kind: m.warns ? "warning" : "note" }));
    return [...(this.error ? [{ text: this.error, kind: "error" }] : []), ...lines];
  }
}
