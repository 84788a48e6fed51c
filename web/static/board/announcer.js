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

  return {
    /** The first board is not announced. @param {Board} board */
    board({ rows: [leader] }) {
      if (!isFirst && leader && leader.user !== leading) {
        announce(leaderText(leader));
      }
      isFirst = false;
      leading = leader?.user;
    },
  };
}
