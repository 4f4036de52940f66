// Who is running, how far it is, and how long a model call took last time.

import { nodeByExecutionId } from "./graph.js";

const TOLD = "mask_guidance.tell"; // Python's messages, see nodes/messages.py
const ENDS = ["execution_success", "execution_error", "execution_interrupted", "execution_start"];

/** Seconds a model call took, by what makes it faster or slower (see `upstreamKey`). */
const secondsPerCall = new Map();

export function lastSecondsPerCall(key) {
  return secondsPerCall.get(key);
}

/**
 * Tell plots of the runs of their nodes.
 *
 * @param {EventTarget} api The page's connection to the server.
 * @param {() => object} rootGraph
 * @param {() => Iterable<{runsAs: (node: object) => boolean, key: () => string, follow: (run: object | null) => void,
 *   askAgain: () => void, news: object, refreshSoon: () => void}>} plots
 */
export function watchRuns(api, rootGraph, plots) {
  const running = new Map(); // by plot: the run it shows

  api.addEventListener("progress", ({ detail }) => {
    const node = nodeByExecutionId(rootGraph(), detail.node);
    if (!node) return;
    for (const plot of plots()) {
      if (!plot.runsAs(node)) continue;
      const run = advanced(running.get(plot), detail, plot);
      running.set(plot, run);
      plot.follow(run);
    }
  });
  for (const end of ENDS) {
    api.addEventListener(end, () => {
      for (const plot of running.keys()) plot.follow(null);
      running.clear();
      for (const plot of plots()) plot.askAgain();
    });
  }
  watchNews(api, rootGraph, plots);
}

/** Tell plots what their nodes' runs have to say. */
function watchNews(api, rootGraph, plots) {
  const on = (event, idOf, action) => {
    api.addEventListener(event, ({ detail }) => {
      const node = nodeByExecutionId(rootGraph(), idOf(detail));
      for (const plot of plots()) {
        if (node !== plot.node && !(node && plot.runsAs(node))) continue;
        action(plot.news, detail);
        plot.refreshSoon();
      }
    });
  };
  on(
    "executing",
    (id) => id,
    (news) => news.forget(),
  );
  on(
    TOLD,
    ({ node }) => node,
    (news, { messages }) => news.hear(messages),
  );
  on(
    "execution_error",
    (error) => error.node_id,
    (news, error) => news.fail(error.exception_message),
  );
  api.addEventListener("execution_start", () => {
    for (const plot of plots()) plot.news.forgetError();
  });
}

/** A run one progress message further; the first call is not timed, since it may load the model. */
function advanced(run, { value, max, prompt_id }, plot) {
  const now = performance.now();
  if (!run || run.id !== prompt_id || value < run.value) {
    return { id: prompt_id, value, max, first: value, since: now, seconds: undefined, key: plot.key() };
  }
  const seconds = value > run.first ? (now - run.since) / 1000 / (value - run.first) : undefined;
  if (seconds !== undefined) secondsPerCall.set(run.key, seconds);
  return { ...run, value, max, seconds };
}
