// How numbers and times are written: words in English, separators and dates as the viewer has them.

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const CALM = 10 * SECOND; // the finest step of an age: seconds that tick disturb
const AHEAD = MINUTE; // how far a clock may be ahead before a time counts as in the future
const LAST_TIME = 253_402_300_799_999; // of the year 9999
const SHOWN_NAME = 24; // letters of a name within a sentence

const INVISIBLE = /^[\s\p{C}\p{M}\p{Default_Ignorable_Code_Point}]*$/u;
export const BLANK = "(blank)"; // what stands for a name of which nothing can be seen

const digits = new Intl.NumberFormat();
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const letters = new Intl.Segmenter();
const list = new Intl.ListFormat("en");

const COUNTS = [
  "no",
  "one",
  "two",
  "three",
  "four",
  "five",
  "six",
  "seven",
  "eight",
  "nine",
  "ten",
];

/** Write a whole number, exact to its last digit. @param {string | number} number */
export function numberText(number) {
  return digits.format(BigInt(number));
}

/** Write a rate; below ten with one decimal. @param {number} rate */
export function rateText(rate) {
  return rate < 10 ? fine.format(rate) : digits.format(Math.round(rate));
}

/** Write a small count as a word. @param {number} count */
export function countText(count) {
  return COUNTS[count] ?? numberText(count);
}

/** Give a date that every browser can write. @param {number} milliseconds since the epoch */
export function dateOf(milliseconds) {
  return new Date(Math.min(milliseconds, LAST_TIME));
}

/** @param {Date} date */
export function clockText(date) {
  return clock.format(date);
}

/** @param {Date} date */
export function exactText(date) {
  return exact.format(date);
}

/**
 * Write how long ago a date was; a distant one as its day.
 *
 * @param {Date} date
 * @param {number} now
 */
export function agoText(date, now) {
  const age = now - date.getTime();
  if (age < -AHEAD || age >= WEEK) {
    return day.format(date);
  }
  return age < CALM ? "now" : `${spanText(age)} ago`;
}

/** Write a length of time, rounded down. @param {number} milliseconds */
export function spanText(milliseconds) {
  if (milliseconds < MINUTE) {
    return `${(Math.floor(milliseconds / CALM) * CALM) / SECOND} s`;
  }
  if (milliseconds < HOUR) {
    return `${Math.floor(milliseconds / MINUTE)} min`;
  }
  return milliseconds < DAY
    ? `${Math.floor(milliseconds / HOUR)} h`
    : `${Math.floor(milliseconds / DAY)} d`;
}

/** Say whether nothing of a name can be seen. @param {string} user */
export function isBlank(user) {
  return INVISIBLE.test(user);
}

/**
 * Write a name within a sentence: cut, and apart from the direction of the rest.
 *
 * @param {string} user
 */
export function nameText(user) {
  if (isBlank(user)) {
    return BLANK;
  }
  const start = [...letters.segment(user.slice(0, 40 * SHOWN_NAME))].map((each) => each.segment);
  const short = start.length > SHOWN_NAME ? `${start.slice(0, SHOWN_NAME).join("")}…` : user;
  return `\u2068${short}\u2069`;
}

/** Write some things as a list. @param {string[]} things */
export function listText(things) {
  return list.format(things);
}
