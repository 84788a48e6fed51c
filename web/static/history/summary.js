// The last minutes in words: who leads, who is new, who dropped out.

import {
  enteredText,
  leadsText,
  ledThroughoutText,
  leftText,
  NO_SCORES,
  rankText,
  tookLeadText,
} from "../texts.js";
import { changedAt, rankOf } from "./rankings.js";

/** @typedef {import("./rankings.js").Line} Line */
/** @typedef {{from: number, now: number}} Span */

const SHORT_MS = 60_000; // less is not worth a "has led for"
const NAMED = 5; // of those who are new or dropped out

/** @param {Line[]} lines @param {Span} span of time that they cover */
export function summarize(lines, span) {
  const leading = lines.filter(rankOf);
  if (!leading.length) {
    return NO_SCORES;
  }
  const entered = leading.filter(({ steps }) => !steps[0].rank);
  const left = lines.filter((line) => !rankOf(line));
  return [leaderText(leading[0], span), listText(enteredText, entered), listText(leftText, left)]
    .filter(Boolean)
    .join(" ");
}

/** Describe the chart: the rank of each leader, now and at the start. @param {Line[]} lines */
export function describe(lines) {
  const ranks = lines.filter(rankOf).map(({ user, steps }, index) => {
    return rankText(user, index + 1, steps.length > 1 ? steps[0].rank : null);
  });
  return ranks.length ? `${ranks.join("; ")}.` : NO_SCORES;
}

/** @param {Line} leader @param {Span} span */
function leaderText(leader, { from, now }) {
  const since = changedAt(leader);
  if (since > from) {
    return tookLeadText(leader.user, since, now);
  }
  return now - from < SHORT_MS
    ? leadsText(leader.user)
    : ledThroughoutText(leader.user, now - from);
}

/** @param {(users: string[], more: number) => string} text @param {Line[]} lines */
function listText(text, lines) {
  const users = lines.slice(0, NAMED).map(({ user }) => user);
  return lines.length ? text(users, lines.length - users.length) : "";
}
