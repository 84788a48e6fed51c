// Motion of rows: they glide to a new place, enter, leave and light up. It is short, and does not
// happen for those who asked for reduced motion, nor in a browser that cannot animate. No row
// fades, so its text keeps its contrast.

export const GLIDE_MS = 450;
const GLIDE = { duration: GLIDE_MS, easing: "cubic-bezier(0.2, 0, 0, 1)" };
const HIGHLIGHT = { duration: 1800, easing: "ease-in", pseudoElement: "::after" };
const WIPE = { duration: 300, easing: "ease-in" };

const canAnimate = "animate" in Element.prototype;
const reduced = matchMedia("(prefers-reduced-motion: reduce)");

function isMoving() {
  return canAnimate && !reduced.matches && !document.hidden;
}

/**
 * Change the order of rows, and let each glide from where it was.
 *
 * @param {HTMLElement} body the parent of the rows
 * @param {() => void} change
 */
export function glide(body, change) {
  const before = new Map(isMoving() ? rowsOf(body).map((row) => [row, row.offsetTop]) : []);
  change();
  for (const row of before.size ? rowsOf(body) : []) {
    const by = (before.get(row) ?? row.offsetTop) - row.offsetTop;
    if (by) {
      const zIndex = by > 0 ? 1 : 0; // a row that rises passes over one that falls
      row.animate([{ transform: `translateY(${by}px)`, zIndex }, { zIndex }], GLIDE);
    }
  }
}

/** @param {HTMLElement} row */
export function enter(row) {
  if (isMoving()) {
    row.animate([{ transform: "translateY(0.75rem)" }, { transform: "none" }], GLIDE);
  }
}

/**
 * Wipe a copy of a row out of the place that the row is about to leave.
 *
 * @param {HTMLElement} row
 */
export function leave(row) {
  if (!isMoving() || !row.parentElement) {
    return;
  }
  const copy = /** @type {HTMLElement} */ (row.cloneNode(true));
  copy.classList.add("leaving");
  copy.setAttribute("aria-hidden", "true");
  copy.style.top = `${row.offsetTop}px`;
  row.parentElement.append(copy);
  const wipe = copy.animate([{ clipPath: "inset(0)" }, { clipPath: "inset(0 0 100%)" }], WIPE);
  wipe.onfinish = () => copy.remove();
}

/**
 * Light up what lies behind a row: a change of its opacity alone needs no painting.
 *
 * @param {HTMLElement} row
 */
export function highlight(row) {
  if (isMoving()) {
    row.animate([{ opacity: 1 }, { opacity: 0 }], HIGHLIGHT);
  }
}

/** Return the rows of a table's body, without those that leave. @param {HTMLElement} body */
export function rowsOf(body) {
  return /** @type {HTMLElement[]} */ ([...body.children]).filter(
    (row) => !row.classList.contains("leaving"),
  );
}
