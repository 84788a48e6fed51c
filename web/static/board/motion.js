// Motion: rows that glide to their new place, enter, leave and light up. All of it is short, and
// none of it happens for those who asked for reduced motion.

export const GLIDE_MS = 450;
const GLIDE = { duration: GLIDE_MS, easing: "cubic-bezier(0.2, 0, 0, 1)" };
const LIGHT = { duration: 1800, easing: "ease-in", pseudoElement: "::after" };
const FADE = { duration: 300, easing: "ease-out" };

const reduced = matchMedia("(prefers-reduced-motion: reduce)");

/** Say whether motion is wanted. */
export function isMoving() {
  return !reduced.matches && !document.hidden;
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
      const zIndex = by > 0 ? 1 : 0; // who rises passes over who falls
      row.animate([{ transform: `translateY(${by}px)`, zIndex }, { zIndex }], GLIDE);
    }
  }
}

/** @param {HTMLElement} row */
export function enter(row) {
  if (isMoving()) {
    row.animate([{ opacity: 0, transform: "translateY(0.75rem)" }, { opacity: 1 }], GLIDE);
  }
}

/** Fade a copy of a row out at the place that the row just left. @param {HTMLElement} row */
export function leave(row) {
  if (!isMoving() || !row.parentElement) {
    return;
  }
  const ghost = /** @type {HTMLElement} */ (row.cloneNode(true));
  ghost.classList.add("ghost");
  ghost.setAttribute("aria-hidden", "true");
  ghost.inert = true;
  ghost.style.top = `${row.offsetTop}px`;
  row.parentElement.append(ghost);
  const fade = ghost.animate([{ opacity: 1 }, { opacity: 0, transform: "translateX(2rem)" }], FADE);
  fade.finished.finally(() => ghost.remove());
}

/**
 * Light a row up by what lies behind it: a change of its opacity alone needs no painting.
 *
 * @param {HTMLElement} row
 */
export function lightUp(row) {
  if (isMoving()) {
    row.animate([{ opacity: 1 }, { opacity: 0 }], LIGHT);
  }
}

/** @param {HTMLElement} body @returns {HTMLElement[]} those that are there to stay */
export function rowsOf(body) {
  return /** @type {HTMLElement[]} */ ([...body.children]).filter(
    (row) => !row.classList.contains("ghost"),
  );
}
