// What a screen reader says by itself: only a new leader, at most once in half a minute.

import { nameText, numberText } from "../format.js";

const PACE_MS = 30_000;

/** @typedef {import("../types.js").Row} Row */

/**
 * Give the function that takes the leader of each board. The first is not announced.
 *
 * @param {HTMLElement} region polite
 * @returns {(leader: Row | undefined) => void}
 */
export function createAnnouncer(region) {
  /** @type {string | undefined} */
  let known;
  let isFirst = true;
  /** @type {Row | undefined} */
  let newest;
  let timer = 0;

  function say() {
    timer = 0;
    if (newest) {
      region.textContent = `${nameText(newest.user)} leads with ${numberText(newest.score)}`;
      newest = undefined;
      timer = setTimeout(say, PACE_MS);
    }
  }

  return (leader) => {
    if (!isFirst && leader && leader.user !== known) {
      newest = leader;
      timer ||= setTimeout(say);
    }
    isFirst = false;
    known = leader?.user;
  };
}
