// Every text that the page's JavaScript shows. A translation is another file with these names.

import {
  formatClock,
  formatDay,
  formatName,
  formatNumber,
  formatPeriod,
  formatRate,
  isBlank,
  isDay,
  spanOf,
} from "./format.js";

const MINUTE = 60_000;
const WEEK = 7 * 24 * 60 * MINUTE;
const UNITS = { day: "d", hour: "h", minute: "min", second: "s" };

// Names, numbers and times

export const BLANK = "(blank)"; // for a name without a visible character
export const UNKNOWN = "–";

/** Write a name within a sentence. @param {string} user */
export function nameText(user) {
  return isBlank(user) ? BLANK : formatName(user);
}

/** @param {number} milliseconds */
export function spanText(milliseconds) {
  const { count, unit } = spanOf(milliseconds);
  return `${count} ${UNITS[unit]}`;
}

/**
 * Write how long ago a time was; a distant one as its day. A minute ahead is still now.
 *
 * @param {number} milliseconds since the epoch
 * @param {number} now
 */
export function agoText(milliseconds, now) {
  const age = now - milliseconds;
  if (age < -MINUTE || age >= WEEK) {
    return formatDay(milliseconds);
  }
  return spanOf(age).count > 0 ? `${spanText(age)} ago` : "now";
}

// The periods

/** Write a day, a week or a month. @param {string} period @param {string} current */
export function periodText(period, current) {
  const [year, week] = period.split("-W");
  if (week) {
    return `Week ${Number(week)}${current.startsWith(year) ? "" : `, ${year}`}`;
  }
  const text = formatPeriod(period, current);
  return isDay(period) && period === current ? `Today, ${text}` : text;
}

// The connection

/** @param {number} asOf @param {number} nextAt */
const attempts = (asOf, nextAt) =>
  ` · as of ${formatClock(asOf)}, next attempt at ${formatClock(nextAt)}`;

/** The state of the connection as a word, and what follows the word. */
export const CONNECTION = {
  connecting: () => ["Connecting", ""],
  live: () => ["Live", ""],
  /** @param {string} problem */
  troubled: (problem) => ["Problem", `: ${problem}`],
  /** @param {number} since @param {string} problem */
  stale: (since, problem) => ["Stale", ` since ${formatClock(since)}: ${problem}`],
  /** @param {number} since */
  paused: (since) => ["Paused", ` · as of ${formatClock(since)}`],
  /** @param {number} asOf @param {number} nextAt */
  lost: (asOf, nextAt) => ["Reconnecting", attempts(asOf, nextAt)],
  /** @param {number} asOf @param {number} nextAt */
  full: (asOf, nextAt) => ["The server is full", attempts(asOf, nextAt)],
  /** @param {number} asOf @param {number} nextAt */
  behind: (asOf, nextAt) => ["The server is not up to date", attempts(asOf, nextAt)],
};

// The board and its history

/** @param {{user: string, score: string}} leader */
export function leaderText({ user, score }) {
  return `${nameText(user)} leads with ${formatNumber(score)}`;
}

/** @param {number} milliseconds */
export function chartTitle(milliseconds) {
  return `Rank of each leader over the last ${spanText(milliseconds)}`;
}

/** @param {number} highest */
export function rateTitle(highest) {
  return `Scores per second in the last minute, at most ${formatRate(highest)}`;
}

export const NO_SCORES = "No scores yet.";

/** @param {string} user @param {number} rank @param {number | null} before null: no change */
export function rankText(user, rank, before) {
  const change = before ? `rank ${before} at the start` : before === null ? "no change" : "new";
  return `rank ${rank}: ${nameText(user)}, ${change}`;
}

/** @param {string} user @param {number} milliseconds */
export function ledThroughoutText(user, milliseconds) {
  return `${nameText(user)} has led for at least ${spanText(milliseconds)}.`;
}

/** @param {string} user */
export function leadsText(user) {
  return `${nameText(user)} leads.`;
}

/** @param {string} user @param {number} since @param {number} now */
export function tookLeadText(user, since, now) {
  const ago = agoText(since, now);
  return `${nameText(user)} took the lead ${ago === "now" ? "just now" : ago}.`;
}

/** @param {string[]} users @param {number} more */
export function enteredText(users, more) {
  return `New: ${listText(users, more)}.`;
}

/** @param {string[]} users @param {number} more */
export function leftText(users, more) {
  return `Dropped out: ${listText(users, more)}.`;
}

/** @param {string[]} users @param {number} more */
function listText(users, more) {
  return [...users.map(nameText), ...(more ? [`${more} more`] : [])].join(", ");
}

// The card of a player

export const NOT_RANKED_YET = "The ranks are not read yet.";

/** @param {import("./types.js").Rank} of */
export function placeText(of) {
  if (of.rank === null) {
    return `${nameText(of.user)} has no score here.`;
  }
  const { rank, players, score, next } = of;
  const place = `Rank ${formatNumber(rank)} of ${formatNumber(players)}`;
  if (!next) {
    return `${place}, in the lead.`;
  }
  const by = BigInt(next.score) - BigInt(score);
  const distance = by < 0n ? -by : by;
  const points = `${formatNumber(distance)} ${distance === 1n ? "point" : "points"}`;
  const name = nameText(next.user);
  return distance ? `${place}, ${points} behind ${name}.` : `${place}, equal to ${name}, who was earlier.`;
}

// The form

export const ENTER_USER = "Enter a user.";
export const ENTER_SCORE = "Enter a score.";
export const ENTER_TOKEN = "Enter the token.";
export const NO_INTEGER = "Whole numbers only, in digits.";
export const NO_SERVER = "The server cannot be reached. Try again.";

/** @param {number} bytes @param {number} most */
export function tooLongText(bytes, most) {
  return `Too long: ${formatNumber(bytes)} bytes, at most ${formatNumber(most)}.`;
}

/** @param {bigint} most */
export function atMostText(most) {
  return `At most ${formatNumber(most)}.`;
}

/** @param {bigint} least */
export function atLeastText(least) {
  return `At least ${formatNumber(least)}.`;
}

/** Make a sentence of the server's error. @param {string} error @param {string | null} seconds */
export function refusalText(error, seconds) {
  const text = `${error[0].toUpperCase()}${error.slice(1)}.`;
  return seconds ? `${text} Wait ${seconds} s.` : text;
}

/**
 * @param {string} outcome
 * @param {{user: string, score: string, size: number}} of `size`: rows of the board
 */
export function outcomeText(outcome, { user, score, size }) {
  /** @type {Record<string, string>} */
  const outcomes = {
    top: size > 1 ? `In the top ${size}` : "In the lead",
    best: "New personal best",
    counted: "Counted, no new best",
    received: "Received, not counted yet",
  };
  const text = outcomes[outcome] ?? outcomes.received;
  return `${text}: ${nameText(user)}, ${formatNumber(score.replace("+", ""))}.`;
}

/**
 * Write the rank of whoever added a score. A new user may not be among the players yet.
 *
 * @param {number} rank of all time
 * @param {number} players 0: not known
 */
export function ownRankText(rank, players) {
  const place = `Rank ${formatNumber(rank)}`;
  return players ? `${place} of ${formatNumber(Math.max(rank, players))}.` : `${place} of all time.`;
}
