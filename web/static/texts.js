// Which text the page shows when. The texts themselves are in the page, in its language.

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

/** @type {Record<string, string>} by name; web/texts.toml has them in English */
const texts = JSON.parse(/** @type {Element} */ (document.querySelector("#texts")).textContent ?? "");

/**
 * Fill in a text.
 *
 * @param {string} name
 * @param {Record<string, string | number>} [values] by the names of its places
 */
function text(name, values = {}) {
  return texts[name].replace(/\{(\w+)\}/g, (_, place) => String(values[place]));
}

// Names and times

export const BLANK = text("blank"); // for a name without a visible character

/** Write a name within a sentence. @param {string} user */
export function nameText(user) {
  return isBlank(user) ? BLANK : formatName(user);
}

/** @param {number} milliseconds */
export function spanText(milliseconds) {
  const { count, unit } = spanOf(milliseconds);
  return text(`${unit}s`, { count });
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
  return spanOf(age).count > 0 ? text("ago", { span: spanText(age) }) : text("now");
}

// The periods

/** Write a day, a week or a month. @param {string} period @param {string} current */
export function periodText(period, current) {
  const [year, week] = period.split("-W");
  if (week) {
    const name = current.startsWith(year) ? "week_of_this_year" : "week_of_year";
    return text(name, { week: Number(week), year });
  }
  const day = formatPeriod(period, current);
  return isDay(period) && period === current ? text("today", { day }) : day;
}

// The connection

/** @param {number} asOf @param {number} nextAt */
const attempts = (asOf, nextAt) =>
  text("attempts", { time: formatClock(asOf), next: formatClock(nextAt) });

/** The state of the connection as a word, and what follows the word. */
export const CONNECTION = {
  connecting: () => [text("connecting"), ""],
  live: () => [text("live"), ""],
  /** @param {string} problem */
  troubled: (problem) => [text("troubled"), text("troubled_detail", { problem })],
  /** @param {number} since @param {string} problem */
  stale: (since, problem) => [
    text("stale"),
    text("stale_detail", { time: formatClock(since), problem }),
  ],
  /** @param {number} since */
  paused: (since) => [text("paused"), text("paused_detail", { time: formatClock(since) })],
  /** @param {number} asOf @param {number} nextAt */
  lost: (asOf, nextAt) => [text("lost"), attempts(asOf, nextAt)],
  /** @param {number} asOf @param {number} nextAt */
  full: (asOf, nextAt) => [text("full"), attempts(asOf, nextAt)],
  /** @param {number} asOf @param {number} nextAt */
  behind: (asOf, nextAt) => [text("behind"), attempts(asOf, nextAt)],
};

// The board and its history

/** @param {{user: string, score: string}} leader */
export function leaderText({ user, score }) {
  return text("leader", { user: nameText(user), score: formatNumber(score) });
}

/** @param {number} milliseconds */
export function chartTitle(milliseconds) {
  return text("chart", { span: spanText(milliseconds) });
}

/** @param {number} highest */
export function rateTitle(highest) {
  return text("rate_chart_highest", { highest: formatRate(highest) });
}

export const NO_SCORES = text("no_scores_yet");

/** @param {string} user @param {number} rank @param {number | null} before null: no change */
export function rankText(user, rank, before) {
  const name = before ? "changed_from" : before === null ? "no_change" : "new";
  return text(name, { rank, user: nameText(user), before: before ?? "" });
}

/** @param {string} user @param {number} milliseconds */
export function ledThroughoutText(user, milliseconds) {
  return text("led_throughout", { user: nameText(user), span: spanText(milliseconds) });
}

/** @param {string} user */
export function leadsText(user) {
  return text("leads", { user: nameText(user) });
}

/** @param {string} user @param {number} since @param {number} now */
export function tookLeadText(user, since, now) {
  const ago = agoText(since, now);
  return text(ago === text("now") ? "took_lead_now" : "took_lead", { user: nameText(user), ago });
}

/** @param {string[]} users @param {number} more */
export function enteredText(users, more) {
  return text("entered", { users: listText(users, more) });
}

/** @param {string[]} users @param {number} more */
export function leftText(users, more) {
  return text("left", { users: listText(users, more) });
}

/** @param {string[]} users @param {number} more */
function listText(users, more) {
  return [...users.map(nameText), ...(more ? [text("more", { count: more })] : [])].join(", ");
}

// The card of a player

export const NOT_RANKED_YET = text("not_ranked_yet");

/** @param {import("./types.js").Rank} of */
export function placeText(of) {
  if (of.rank === null) {
    return text("no_score_here", { user: nameText(of.user) });
  }
  const { rank, players, score, next } = of;
  const place = { rank: formatNumber(rank), players: formatNumber(players) };
  if (!next) {
    return text("place_first", place);
  }
  const by = BigInt(next.score) - BigInt(score);
  const distance = formatNumber(by < 0n ? -by : by);
  return text(by ? "place_behind" : "place_equal", { ...place, distance, next: nameText(next.user) });
}

// The form

export const ENTER_USER = text("enter_user");
export const ENTER_SCORE = text("enter_score");
export const ENTER_TOKEN = text("enter_token");
export const NO_INTEGER = text("no_integer");
export const NO_SERVER = text("no_server");

/** @param {number} bytes @param {number} most */
export function tooLongText(bytes, most) {
  return text("too_long", { bytes: formatNumber(bytes), most: formatNumber(most) });
}

/** @param {bigint} most */
export function atMostText(most) {
  return text("at_most", { most: formatNumber(most) });
}

/** @param {bigint} least */
export function atLeastText(least) {
  return text("at_least", { least: formatNumber(least) });
}

/** Make a sentence of the server's error. @param {string} error @param {string | null} seconds */
export function refusalText(error, seconds) {
  const reason = `${error[0].toUpperCase()}${error.slice(1)}`;
  return text(seconds ? "refused_for_now" : "refused", { reason, seconds: seconds ?? "" });
}

/**
 * @param {string} outcome
 * @param {{user: string, score: string, size: number}} of `size`: rows of the board
 */
export function outcomeText(outcome, { user, score, size }) {
  const name = outcome === "top" && size === 1 ? "lead" : outcome;
  const reached = text(`outcome_${name}` in texts ? `outcome_${name}` : "outcome_received", { size });
  const added = { user: nameText(user), score: formatNumber(score.replace("+", "")) };
  return text("answer_with_score", { outcome: reached, ...added });
}

/**
 * Write the rank of whoever added a score. A new user may not be among the players yet.
 *
 * @param {number} rank of all time
 * @param {number} players 0: not known
 */
export function ownRankText(rank, players) {
  return text(players ? "own_rank" : "own_rank_of_all_time", {
    rank: formatNumber(rank),
    players: formatNumber(Math.max(rank, players)),
  });
}
