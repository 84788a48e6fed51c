// Numbers, times and names without words, as the viewer's browser writes them.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEP = 10 * SECOND; // the finest step of an age: text that changes each second disturbs
const LAST_TIME = 253_402_300_799_999; // of the year 9999
export const UNKNOWN = "–";
const LONGEST = 24; // characters of a name within a sentence

// Line and paragraph separators, and controls of direction, which end the isolation of a name.
const TURNS = /[\u2028-\u202E\u2066-\u2069]/g;
const INVISIBLE = /^[\s\p{C}\p{M}\p{Default_Ignorable_Code_Point}]*$/u;

const whole = new Intl.NumberFormat();
const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** Format a whole number, exact to its last digit. @param {string | number | bigint} number */
export function formatNumber(number) {
  return whole.format(BigInt(number));
}

/** Format a rate; below ten with one decimal. @param {number} rate */
export function formatRate(rate) {
  return rate < 10 ? decimal.format(rate) : whole.format(Math.round(rate));
}

/** Make a date that every browser can format. @param {number} milliseconds since the epoch */
export function dateOf(milliseconds) {
  return new Date(Math.min(milliseconds, LAST_TIME));
}

/** @param {number} milliseconds since the epoch */
export function formatClock(milliseconds) {
  return clock.format(dateOf(milliseconds));
}

/** @param {number} milliseconds since the epoch */
export function formatDay(milliseconds) {
  return day.format(dateOf(milliseconds));
}

/** @param {number} milliseconds since the epoch */
export function formatExact(milliseconds) {
  return exact.format(dateOf(milliseconds));
}

/** Say whether a period is a day, such as 2026-11-25. @param {string} period */
export function isDay(period) {
  return /^\d+-\d\d-\d\d$/.test(period);
}

/**
 * Format a day or a month: a month with its year, a day with another year than the current one's.
 * Its name is enough: the time zone of the server is not that of the viewer.
 *
 * @param {string} period such as 2026-11-25 or 2026-11
 * @param {string} current
 */
export function formatPeriod(period, current) {
  const [year] = period.split("-");
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { timeZone: "UTC", month: "long" };
  if (isDay(period)) {
    Object.assign(options, { day: "numeric", weekday: period === current ? undefined : "long" });
  }
  if (!isDay(period) || !current.startsWith(year)) {
    options.year = "numeric";
  }
  return new Intl.DateTimeFormat(undefined, options).format(Date.parse(period));
}

/**
 * Round a length of time down to a count of one unit.
 *
 * @param {number} milliseconds
 * @returns {{count: number, unit: "day" | "hour" | "minute" | "second"}}
 */
export function spanOf(milliseconds) {
  if (milliseconds >= DAY) {
    return { count: Math.floor(milliseconds / DAY), unit: "day" };
  }
  if (milliseconds >= HOUR) {
    return { count: Math.floor(milliseconds / HOUR), unit: "hour" };
  }
  if (milliseconds >= MINUTE) {
    return { count: Math.floor(milliseconds / MINUTE), unit: "minute" };
  }
  return { count: (Math.floor(milliseconds / STEP) * STEP) / SECOND, unit: "second" };
}

/** Say whether no character of a name can be seen. @param {string} user */
export function isBlank(user) {
  return INVISIBLE.test(user);
}

/**
 * Shorten a name for a sentence, and isolate its direction from the rest.
 *
 * @param {string} user
 */
export function formatName(user) {
  const name = user.replace(TURNS, "");
  const characters = [...name.slice(0, 2 * LONGEST + 2)];
  const short = characters.length > LONGEST ? `${characters.slice(0, LONGEST).join("")}…` : name;
  return `\u2068${short}\u2069`;
}
