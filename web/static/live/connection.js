// The state of the connection in words, and the switch that pauses the page.

import { setText } from "../dom.js";
import { CONNECTION } from "../texts.js";
import { isPaused, setPaused } from "./throttle.js";

/** @typedef {import("../types.js").Loss} Loss */
/** @typedef {import("../types.js").Status} Status */

/** @returns {import("../types.js").Part} */
export function start() {
  const element = /** @type {HTMLElement} */ (document.querySelector("#connection"));
  const word = /** @type {HTMLElement} */ (element.querySelector("[role=status]"));
  const detail = /** @type {HTMLElement} */ (element.querySelector(".detail"));
  let isOpen = false;
  let pausedAt = 0;
  /** @type {Loss | undefined} */
  let loss;
  /** @type {Status} */
  let status = { stale_since: null, problems: [] };

  /** @returns {[name: keyof typeof CONNECTION, ...details: any[]]} */
  function state() {
    if (isPaused()) {
      return ["paused", pausedAt];
    }
    if (loss) {
      return [loss.refused ?? "lost", loss.asOf, loss.nextAt];
    }
    if (!isOpen) {
      return ["connecting"];
    }
    const { stale_since: since, problems } = status;
    if (since !== null) {
      return ["stale", since, problems[0]];
    }
    return problems.length ? ["troubled", problems[0]] : ["live"];
  }

  function show() {
    const [name, ...details] = state();
    const [text, more] = /** @type {(...details: any[]) => string[]} */ (CONNECTION[name])(
      ...details,
    );
    element.dataset.state = name;
    setText(detail, more);
    setText(word, text);
  }

  show();
  watchSwitch(() => {
    pausedAt = Date.now();
    show();
  });
  return {
    opened() {
      isOpen = true;
      loss = undefined;
      show();
    },
    lost(newest) {
      loss = newest;
      show();
    },
    status(newest) {
      status = newest;
      show();
    },
  };
}

/** Let the switch pause the page and end the pause. @param {() => void} changed */
function watchSwitch(changed) {
  const pause = /** @type {HTMLElement | null} */ (document.querySelector("#pause"));
  if (!pause) {
    return; // in the hall
  }
  pause.hidden = false;
  pause.addEventListener("click", () => {
    setPaused(!isPaused());
    pause.setAttribute("aria-checked", String(isPaused()));
    changed();
  });
}
