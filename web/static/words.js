// How times and numbers are written, in the viewer's language and zone.

const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const digits = new Intl.NumberFormat();

/** @param {number} milliseconds since the epoch */
export function timeText(milliseconds) {
  const date = new Date(milliseconds);
  return Number.isNaN(date.getTime()) ? "?" : exact.format(date);
}

/** @param {string} score digits, more than a number could hold exactly */
export function scoreText(score) {
  return digits.format(BigInt(score));
}

/** Give a time element. @param {number} milliseconds since the epoch */
export function timeElement(milliseconds) {
  const element = document.createElement("time");
  const date = new Date(milliseconds);
  if (!Number.isNaN(date.getTime())) element.dateTime = date.toISOString();
  element.textContent = timeText(milliseconds);
  return element;
}

/** Write the times that the server wrote in the viewer's zone. @param {ParentNode} within */
export function showTimes(within) {
  for (const element of within.querySelectorAll("time")) {
    element.textContent = timeText(Date.parse(element.dateTime));
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
