// How often the page changes: however fast events arrive, it shows the newest, at a bounded rate,
// and nothing while it is paused.

let paused = false;
/** @type {Set<() => void>} what waits for the end of the pause, each function once */
const waiting = new Set();

export function isPaused() {
  return paused;
}

/** Stop all throttled functions, or let them show the newest. @param {boolean} pause */
export function setPaused(pause) {
  paused = pause;
  if (!paused) {
    waiting.forEach((run) => run());
    waiting.clear();
  }
}

/**
 * Make a function that shows the newest of its values: the first in the next frame, then at most
 * one in so many milliseconds. It keeps one value.
 *
 * @template T
 * @param {(value: T) => void} show
 * @param {number} milliseconds
 * @returns {(value: T) => void}
 */
export function throttle(show, milliseconds) {
  let shownAt = -Infinity;
  let isDue = false;
  /** @type {T} */
  let newest;

  function run() {
    if (paused) {
      waiting.add(run);
      return;
    }
    isDue = false;
    shownAt = performance.now();
    show(newest);
  }

  return (value) => {
    newest = value;
    if (isDue) {
      return;
    }
    isDue = true;
    const rest = shownAt + milliseconds - performance.now();
    setTimeout(() => requestAnimationFrame(run), Math.max(0, rest));
  };
}
