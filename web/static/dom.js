// Changes of the document.

/**
 * Set a text unless it is there already: a screen reader may say each change, and the browser
 * paints it.
 *
 * @param {Element | null} element
 * @param {string} text
 * @returns {boolean} whether it has changed
 */
export function setText(element, text) {
  if (!element || element.textContent === text) {
    return false;
  }
  element.textContent = text;
  return true;
}
