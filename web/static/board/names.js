// Names of users: untrusted text of any script, direction and length. One that is cut to its cell
// becomes a button that shows it whole, for a keyboard and for a finger too.

import { isBlank } from "../format.js";

/** @param {string} user */
export function nameElement(user) {
  const element = document.createElement("bdi");
  element.className = "name";
  element.dir = "auto";
  element.textContent = user;
  element.classList.toggle("blank", isBlank(user));
  return element;
}

/** Make buttons of the names that are cut, and of no others. @param {ParentNode} within */
export function markCut(within) {
  const names = [...within.querySelectorAll(".name:not(.whole)")];
  const cut = names.map((name) => name.scrollWidth > name.clientWidth);
  names.forEach((name, index) => setCut(/** @type {HTMLElement} */ (name), cut[index]));
}

/**
 * Let cut names open and close, and notice when the width of a part changes.
 *
 * @param {HTMLElement} part
 */
export function watchNames(part) {
  part.addEventListener("click", (event) => toggle(event.target));
  part.addEventListener("keydown", (event) => {
    if ((event.key === "Enter" || event.key === " ") && toggle(event.target)) {
      event.preventDefault();
    }
  });
  new ResizeObserver(() => markCut(part)).observe(part);
}

/** @param {HTMLElement} name @param {boolean} isCut */
function setCut(name, isCut) {
  if (isCut === name.hasAttribute("role")) {
    return;
  }
  if (isCut) {
    name.setAttribute("role", "button");
    name.setAttribute("aria-expanded", "false");
    name.tabIndex = 0;
  } else {
    ["role", "aria-expanded", "tabindex"].forEach((each) => name.removeAttribute(each));
  }
}

/** @param {EventTarget | null} target @returns {boolean} whether it was a cut name */
function toggle(target) {
  if (!(target instanceof HTMLElement) || !target.matches(".name[role=button]")) {
    return false;
  }
  target.setAttribute("aria-expanded", String(target.classList.toggle("whole")));
  return true;
}
