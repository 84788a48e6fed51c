// What a screen reader says by itself: only a new leader, and not more often than every half minute.

const PACE_MS = 30_000;

/**
 * Give the function that takes the leader of each board. The first is not announced.
 *
 * @param {HTMLElement} region polite
 * @returns {(user: string | undefined, words: string) => void}
 */
export function createAnnouncer(region) {
  /** @type {string | undefined} */
  let leader;
  let isFirst = true;
  let newest = "";
  let timer = 0;

  function say() {
    timer = 0;
    if (newest) {
      region.textContent = newest;
      newest = "";
      timer = setTimeout(say, PACE_MS);
    }
  }

  return (user, words) => {
    if (!isFirst && user !== undefined && user !== leader) {
      newest = words;
      timer ||= setTimeout(say);
    }
    isFirst = false;
    leader = user;
  };
}
