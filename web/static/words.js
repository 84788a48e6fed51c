// How times and numbers are written, in the viewer's language and zone.

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const digits = new Intl.NumberFormat();

/** Write a time of today as the clock shows it, any other with its day. @param {Date} date */
function timeText(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return (isToday ? clock : exact).format(date);
}

/** @param {HTMLTimeElement} element @param {number} milliseconds since the epoch */
function showTime(element, milliseconds) {
  const date = new Date(milliseconds);
  if (Number.isNaN(date.getTime())) {
    element.textContent = "?";
    return;
  }
  element.dateTime = date.toISOString();
  element.title = exact.format(date);
  element.textContent = timeText(date);
}

/** @param {string} score digits, more than a number could hold exactly */
export function scoreText(score) {
  return digits.format(BigInt(score));
}

/** Give a time element. @param {number} milliseconds since the epoch */
export function timeElement(milliseconds) {
  const element = document.createElement("time");
  showTime(element, milliseconds);
  return element;
}

/** Write the times that the server wrote in the viewer's zone. @param {ParentNode} within */
export function showTimes(within) {
  for (const element of within.querySelectorAll("time")) {
    showTime(element, Date.parse(element.dateTime));
  }
}

/** Give a row of a table. @param {(string | Node)[]} cells */
export function row(cells) {
  const element = document.createElement("tr");
  for (const cell of cells) {
    const place = document.createElement("td");
    place.append(cell);
    element.append(place);
  }
  return element;
}

/** Give a user's name, which is untrusted text of any direction. @param {string} user */
export function userElement(user) {
  const element = document.createElement("bdi");
  element.textContent = user;
  return element;
}
