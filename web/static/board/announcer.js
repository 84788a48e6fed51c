// A new leader, for screen readers, at most once in half a minute.

import { throttle } from "../live/throttle.js";
import { leaderText } from "../texts.js";

/** @typedef {import("../types.js").Board} Board */

const INTERVAL_MS = 30_000;

export function start() {
  const region = /** @type {HTMLElement} */ (document.querySelector("#news"));
  const announce = throttle((/** @type {string} */ text) => {
    region.textContent = text;
  }, INTERVAL_MS);
  /** @type {string | undefined} */
  let leading;
  let isFirst = true;
  /** @type {string | undefined} */
  let shown; // the period

  return {
    /** The first board of a period is not announced. @param {Board} board */
    board({ period, rows: [leader] }) {
      if (!isFirst && period === shown && leader && leader.user !== leading) {
        announce(leaderText(leader));
      }
      isFirst = false;
      shown = period;
      leading = leader?.user;
    },
  };
}
