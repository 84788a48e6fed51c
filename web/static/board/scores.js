// The last ten scores, newest first.

import { throttle } from "../live/throttle.js";
import { enter, glide } from "./motion.js";
import { arrange, createRow } from "./rows.js";

/** @typedef {import("../types.js").Removal} Removal */
/** @typedef {import("../types.js").Score} Score */

const SHOWN = 10;
const INTERVAL_MS = 500;
const FOLLOWED = 2; // new rows at once that an eye can follow; more appear without motion

export function start() {
  /** @type {Score[]} */
  let newest = [];
  const body = /** @type {HTMLElement} */ (document.querySelector("#scores tbody"));
  const show = throttle(createRows(body), INTERVAL_MS);
  return {
    /** Scores come in any order, and may come again. @param {Score} score */
    score(score) {
      const others = newest.filter((other) => keyOf(other) !== keyOf(score));
      newest = [score, ...others].sort(byAge).slice(0, SHOWN);
      show(newest);
    },
    /** @param {Removal} removal */
    removal({ user, partition, offset }) {
      newest = newest.filter(
        (score) =>
          score.user !== user || score.partition !== partition || score.offset >= offset,
      );
      show(newest);
    },
  };
}

/** @param {HTMLElement} body of the table @returns {(scores: Score[]) => void} */
function createRows(body) {
  /** @type {Map<string, HTMLElement>} */
  let shown = new Map();
  return (scores) => {
    const before = shown;
    shown = new Map(
      scores.map((score) => [keyOf(score), before.get(keyOf(score)) ?? createRow(score)]),
    );
    const rows = [...shown.values()];
    const entering = rows.filter((row) => !row.isConnected);
    if (entering.length > FOLLOWED) {
      arrange(body, rows);
    } else {
      glide(body, () => arrange(body, rows));
      entering.forEach(enter);
    }
  };
}

/** @param {Score} score */
function keyOf({ partition, offset }) {
  return `${partition}:${offset}`;
}

/** @param {Score} one @param {Score} other */
function byAge(one, other) {
  return other.time - one.time || other.partition - one.partition || other.offset - one.offset;
}
