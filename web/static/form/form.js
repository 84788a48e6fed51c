// Adding a score without a reload; without JavaScript the form posts itself.

import { scoreProblem, tokenProblem, userProblem } from "./validation.js";
import { Field } from "./field.js";
import { answerText, send } from "./submit.js";

/** The form: checked, sent, and answered in words. */
export class Form {
  /** @param {HTMLFormElement} form @param {number} size rows of the board */
  constructor(form, size) {
    this._form = form;
    this._size = size;
    this._isSending = false;
    this._answer = /** @type {HTMLElement} */ (form.querySelector("#answer"));
    this._button = /** @type {HTMLElement} */ (form.querySelector("button"));
    this._fields = fieldsOf(form);
    form.noValidate = true; // the browser's own bubbles give way to errors beside the fields
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this._submit();
    });
  }

  async _submit() {
    const wrong = this._fields.filter((field) => !field.check());
    if (wrong.length || this._isSending) {
      wrong[0]?.input.focus();
      return;
    }
    this._setSending(true);
    this._show(await send(this._form.action, new FormData(this._form)));
    this._setSending(false);
  }

  /** @param {import("./submit.js").Answer} answer */
  _show(answer) {
    const field = this._fields.find(({ input }) => input.name === answer.field);
    field?.mark(answer.error);
    field?.input.focus();
    this._answer.classList.toggle("bad", Boolean(answer.error));
    this._answer.textContent = field ? "" : answerText(answer, this._size);
    if (!answer.error) {
      this._clear("score");
    }
  }

  /** @param {string} name */
  _clear(name) {
    const input = this._fields.find((field) => field.input.name === name)?.input;
    if (input) {
      input.value = "";
    }
  }

  /** @param {boolean} isSending */
  _setSending(isSending) {
    this._isSending = isSending;
    this._button.setAttribute("aria-disabled", String(isSending));
    this._form.classList.toggle("sending", isSending);
    if (isSending) {
      this._answer.classList.remove("bad");
      this._answer.textContent = "";
    }
  }
}

/** @param {HTMLFormElement} form @returns {Field[]} */
function fieldsOf(form) {
  const limits = {
    userMaxBytes: Number(form.dataset.userMaxBytes),
    scoreBits: Number(form.dataset.scoreBits),
  };
  /** @type {Record<string, (value: string) => string>} */
  const checks = {
    user: (value) => userProblem(value, limits),
    score: (value) => scoreProblem(value, limits),
    token: tokenProblem,
  };
  const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("input"));
  return [...inputs].map((input) => new Field(input, checks[input.name]));
}
