// The pace: however fast news come in, the page shows the newest, and not more often than asked.

/**
 * Give a function that shows the newest of what it is given: the first in the next frame, then at
 * most once in so many milliseconds. It keeps one value, whatever comes.
 *
 * @template T
 * @param {(value: T) => void} show
 * @param {number} milliseconds
 * @returns {(value: T) => void}
 */
export function paced(show, milliseconds) {
  let shownAt = -Infinity;
  let isDue = false;
  /** @type {T} */
  let newest;

  function run() {
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
