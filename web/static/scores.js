// The last ten scores, newest first.

import { row, scoreText, timeElement, userElement } from "./words.js";

const SHOWN = 10;

/** @typedef {{user: string, score: string, time: number, partition: number, offset: number}} Score */

/** @type {Score[]} newest first */
let scores = [];

/**
 * @param {HTMLElement} body of the table
 * @param {Score} score
 */
export function addScore(body, score) {
  scores = [score, ...scores.filter((other) => !isSame(other, score))].sort(byAge).slice(0, SHOWN);
  body.replaceChildren(
    ...scores.map(({ time, user, score: points }) =>
      row([timeElement(time), userElement(user), scoreText(points)]),
    ),
  );
}

/** @param {Score} one @param {Score} other */
function isSame(one, other) {
  return one.partition === other.partition && one.offset === other.offset;
}

/** @param {Score} one @param {Score} other */
function byAge(one, other) {
  return other.time - one.time || other.partition - one.partition || other.offset - one.offset;
}
