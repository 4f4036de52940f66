// When the page asks, and which answer counts.
import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Asker } from "../../web/js/ask.js";

/** An asker with a server that answers when told to, and what it was asked. */
function made() {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 5000 });
  const asked = [];
  const send = (text) => new Promise((answer, refuse) => asked.push({ ...JSON.parse(text), answer, refuse }));
  const told = [];
  const asker = new Asker(send, () => told.push(asker.silent ? "silence" : asker.answer));
  return { asker, asked, told };
}

async function pass(milliseconds) {
  mock.timers.tick(milliseconds);
  await settled();
}

async function settled() {
  for (let i = 0; i < 9; i++) await Promise.resolve();
}

const rs = (asked) => asked.map(({ r }) => r);

test("a lone edit is asked at once, and its answer told", async () => {
  const { asker, asked, told } = made();
  asker.ask({ r: 1 });
  await pass(0);
  assert.deepEqual(rs(asked), [1]);
  assert.equal(asker.busy, true);
  asked[0].answer("one");
  await settled();
  assert.deepEqual(told, ["one"]);
  assert.equal(asker.busy, false);
});

test("edits in one go are one question: the last", async () => {
  const { asker, asked } = made();
  for (let r = 1; r <= 5; r++) asker.ask({ r });
  await pass(0);
  assert.deepEqual(rs(asked), [5]);
});

test("while an answer is awaited nothing is asked; then only the newest is", async () => {
  const { asker, asked, told } = made();
  asker.ask({ r: 1 });
  await pass(0);
  for (let r = 2; r <= 50; r++) {
    asker.ask({ r });
    await pass(10);
  }
  assert.equal(asked.length, 1);
  asked[0].answer("one");
  await settled();
  await pass(100);
  assert.deepEqual(rs(asked), [1, 50]);
  asked[1].answer("fifty");
  await settled();
  assert.deepEqual(told, ["one", "fifty"]);
  assert.equal(asker.answer, "fifty");
});

test("a number that is dragged for a second is asked at most eleven times", async () => {
  const { asker, asked } = made();
  for (let r = 1; r <= 100; r++) {
    asker.ask({ r });
    await pass(10);
    asked.at(-1)?.answer(r); // a server that answers in no time
    await settled();
  }
  assert.ok(asked.length >= 8 && asked.length <= 11, `${asked.length} questions`);
});

test("the same question is asked once, and again when its answer may have changed", async () => {
  const { asker, asked } = made();
  asker.ask({ r: 1 });
  await pass(0);
  asked[0].answer("one");
  await settled();
  asker.ask({ r: 1 });
  await pass(1000);
  assert.equal(asked.length, 1);
  asker.askAgain();
  await pass(1000);
  assert.equal(asked.length, 2);
});

test("asked again while an answer is awaited, it asks after that", async () => {
  const { asker, asked } = made();
  asker.ask({ r: 1 });
  await pass(0);
  asker.askAgain();
  asked[0].answer("old");
  await settled();
  await pass(100);
  assert.equal(asked.length, 2);
});

test("without a server the last answer stays, and the next look asks again, after a second", async () => {
  const { asker, asked, told } = made();
  asker.ask({ r: 1 });
  await pass(0);
  asked[0].answer("one");
  await settled();
  asker.ask({ r: 2 });
  await pass(100);
  asked[1].refuse(new Error("no server"));
  await settled();
  assert.deepEqual(told, ["one", "silence"]);
  assert.equal(asker.answer, "one");
  await pass(500);
  assert.equal(asked.length, 2, "nobody looked");
  asker.ask({ r: 2 });
  await pass(400);
  assert.equal(asked.length, 2, "too soon");
  await pass(100);
  asked[2].answer("two");
  await settled();
  assert.deepEqual([asker.silent, asker.answer], [false, "two"]);
});

test("nothing is asked again where nothing was asked", async () => {
  const { asker, asked } = made();
  asker.askAgain();
  await pass(1000);
  assert.equal(asked.length, 0);
});
