// The period of the board in words, and the links to its neighbours; the next one begins here.

import { throttle } from "../live/throttle.js";
import { periodText } from "../texts.js";
import { GLIDE_MS } from "./motion.js";

/** @typedef {import("../types.js").Board} Board */

export function start() {
  const shown = /** @type {HTMLElement} */ (document.querySelector("#period"));
  show(shown);
  return {
    board: throttle((/** @type {Board} */ { period }) => {
      const before = shown.dataset.period;
      if (period && before && period !== before) {
        linkBack(before);
        shown.dataset.period = shown.dataset.current = period;
        show(shown);
      }
    }, GLIDE_MS), // as the rows, so that both change together
  };
}

/** @param {HTMLElement} shown */
function show({ dataset: { current = "" } }) {
  const elements = /** @type {NodeListOf<HTMLElement>} */ (
    document.querySelectorAll("[data-period]")
  );
  elements.forEach((element) => {
    const { period } = element.dataset;
    element.textContent = period ? periodText(period, current) : "";
  });
}

/** @param {string} period */
function linkBack(period) {
  const link = /** @type {HTMLAnchorElement | null} */ (document.querySelector("[rel=prev]"));
  if (link) {
    const url = new URL(location.href);
    url.searchParams.set("period", period);
    link.href = url.href;
    link.dataset.period = period;
    link.hidden = false;
  }
}
