// The last ten scores, newest first.

import { enter, glide } from "./motion.js";
import { markCut } from "./names.js";
import { paced } from "../live/throttle.js";
import { arrange, makeScoreRow } from "./rows.js";

/** @typedef {import("../types.js").Score} Score */

const SHOWN = 10;
const PACE_MS = 500;
const FOLLOWED = 2; // new rows at once that an eye can follow; more just stand there

/**
 * Give the function that takes a score, in any order, the same one again too.
 *
 * @param {HTMLElement} body of the table
 * @returns {(score: Score) => void}
 */
export function createScores(body) {
  /** @type {Score[]} */
  let newest = [];
  const show = paced(createList(body), PACE_MS);
  return (score) => {
    const others = newest.filter((other) => keyOf(other) !== keyOf(score));
    newest = [score, ...others].sort(byAge).slice(0, SHOWN);
    show(newest);
  };
}

/** @param {HTMLElement} body @returns {(scores: Score[]) => void} */
function createList(body) {
  /** @type {Map<string, HTMLElement>} */
  let shown = new Map();
  return (scores) => {
    const before = shown;
    shown = new Map(
      scores.map((score) => [keyOf(score), before.get(keyOf(score)) ?? makeScoreRow(score)]),
    );
    const rows = [...shown.values()];
    const entering = rows.filter((row) => !row.isConnected);
    if (entering.length > FOLLOWED) {
      arrange(body, rows);
    } else {
      glide(body, () => arrange(body, rows));
      entering.forEach(enter);
    }
    markCut(body);
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
