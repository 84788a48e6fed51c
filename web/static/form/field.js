// A field of the form and the error beside it. An error appears when the field is left or the form
// is sent, not during the first typing; once the input is valid, it disappears at once.

/** A field, its check, and its error. */
export class Field {
  /**
   * @param {HTMLInputElement} input
   * @param {(value: string) => string} check returns what is wrong, or ""
   */
  constructor(input, check) {
    this.input = input;
    this._check = check;
    this._error = /** @type {HTMLElement} */ (document.getElementById(`${input.name}-error`));
    input.addEventListener("input", () => input.hasAttribute("aria-invalid") && this.isValid());
    input.addEventListener("blur", () => input.value && this.isValid());
  }

  /** Check the value and show what is wrong. */
  isValid() {
    const problem = this._check(this.input.value);
    this.showError(problem);
    return !problem;
  }

  /** @param {string} problem "" for none */
  showError(problem) {
    this._error.textContent = problem;
    if (problem) {
      this.input.setAttribute("aria-invalid", "true");
    } else {
      this.input.removeAttribute("aria-invalid");
    }
  }
}
