// The name of whoever added a score in this browser, which may refuse to keep it.

const KEY = "leaderboard-user";
const LONGEST = 256; // characters, as in the field: an address has room for these

let newest = "";

/** Return the name, or "". */
export function remembered() {
  try {
    return localStorage.getItem(KEY) ?? newest;
  } catch {
    return newest;
  }
}

/** Keep a name, and tell the page; not one that is very long. @param {string} user */
export function remember(user) {
  if (user.length > LONGEST) {
    return;
  }
  newest = user;
  try {
    localStorage.setItem(KEY, user);
  } catch {
    // it is known until the page is closed
  }
  document.dispatchEvent(new Event("remembered"));
}
