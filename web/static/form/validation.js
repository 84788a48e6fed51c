// What may be sent, as the server will check it: in words for the one who types.

import { numberText } from "../format.js";

/** @typedef {{userMaxBytes: number, scoreBits: number}} Limits */

const INTEGER = /^[+-]?[0-9]{1,40}$/;
const encoder = new TextEncoder();

/** Say what is wrong with a user, or "". @param {string} user @param {Limits} limits */
export function userProblem(user, { userMaxBytes }) {
  if (user === "") {
    return "Enter a user.";
  }
  const bytes = encoder.encode(user).length;
  return bytes > userMaxBytes
    ? `Too long: ${numberText(bytes)} bytes, at most ${numberText(userMaxBytes)}.`
    : "";
}

/** Say what is wrong with a score, or "". @param {string} score @param {Limits} limits */
export function scoreProblem(score, { scoreBits }) {
  const text = score.trim();
  if (text === "") {
    return "Enter a score.";
  }
  if (!INTEGER.test(text)) {
    return "Whole numbers only, in digits.";
  }
  const number = BigInt(text.replace("+", ""));
  const end = 2n ** BigInt(scoreBits - 1);
  if (number >= end) {
    return `At most ${numberText(String(end - 1n))}.`;
  }
  return number < -end ? `At least ${numberText(String(-end))}.` : "";
}

/** Say what is wrong with a token, or "". @param {string} token */
export function tokenProblem(token) {
  return token === "" ? "Enter the token." : "";
}
