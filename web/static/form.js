// Adding a score without a reload; without JavaScript the form posts itself.

/** @param {HTMLFormElement} form @param {HTMLElement} answer */
export function watchForm(form, answer) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form, answer);
  });
}

/** @param {HTMLFormElement} form @param {HTMLElement} answer */
async function send(form, answer) {
  answer.textContent = "";
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    const said = await response.json();
    answer.classList.toggle("bad", !response.ok);
    answer.textContent = response.ok ? "Received." : said.error;
  } catch {
    answer.classList.add("bad");
    answer.textContent = "The server cannot be reached. Try again.";
  }
}
