// The rules of the form's fields, as the server has them. A check returns what is wrong, or "".

import {
  atLeastText,
  atMostText,
  ENTER_SCORE,
  ENTER_TOKEN,
  ENTER_USER,
  NO_INTEGER,
  tooLongText,
} from "../texts.js";

/** @typedef {{userMaxBytes: number, scoreBits: number}} Limits */

const INTEGER = /^[+-]?[0-9]{1,40}$/;
const encoder = new TextEncoder();

/** @param {string} user @param {Limits} limits */
export function checkUser(user, { userMaxBytes }) {
  if (user === "") {
    return ENTER_USER;
  }
  const bytes = encoder.encode(user).length;
  return bytes > userMaxBytes ? tooLongText(bytes, userMaxBytes) : "";
}

/** @param {string} score @param {Limits} limits */
export function checkScore(score, { scoreBits }) {
  const text = score.trim();
  if (text === "") {
    return ENTER_SCORE;
  }
  if (!INTEGER.test(text)) {
    return NO_INTEGER;
  }
  const number = BigInt(text.replace("+", ""));
  const end = 2n ** BigInt(scoreBits - 1);
  if (number >= end) {
    return atMostText(end - 1n);
  }
  return number < -end ? atLeastText(-end) : "";
}

/** @param {string} token */
export function checkToken(token) {
  return token === "" ? ENTER_TOKEN : "";
}
