// Asking the server while settings are edited. A lone edit is asked at once; while a number is dragged, what it is by then
// is asked when the last answer is there, and never more than ten times a second. No imports, no side effects.

const PAUSE = 100; // milliseconds from one question to the next
const RETRY = 1000; // after a question that nobody answered

export class Asker {
  /**
   * @param {(question: string) => Promise<object>} send Rejects where nobody answers.
   * @param {() => void} tell Called after each answer, and when none came.
   */
  constructor(send, tell) {
    Object.assign(this, { send, tell });
    this.answer = null; // the last; it stays until there is another
    this.silent = false; // the last question found nobody
    this.underWay = false;
    this.timer = null;
    this.free = 0; // when the next question may be asked
  }

  /** An answer will come. */
  get busy() {
    return this.underWay || this.timer !== null;
  }

  ask(question) {
    this.wanted = JSON.stringify(question);
    this.soon();
  }

  /** The same question may have another answer now. */
  askAgain() {
    this.asked = undefined;
    this.soon();
  }

  soon() {
    if (this.busy || this.wanted === this.asked) return;
    this.timer = setTimeout(() => this.now(), Math.max(0, this.free - Date.now()));
  }

  async now() {
    this.timer = null;
    this.asked = this.wanted;
    this.underWay = true;
    this.free = Date.now() + PAUSE;
    try {
      this.answer = await this.send(this.asked);
      this.silent = false;
    } catch {
      this.silent = true;
      this.free = Date.now() + RETRY;
    }
    this.underWay = false;
    if (this.silent)
      this.asked = undefined; // so that the next look asks again
    else this.soon();
    this.tell();
  }
}
