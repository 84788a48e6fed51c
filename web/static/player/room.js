// The room of the card, before it is painted: no module, since those run later. Where the browser
// remembers a player (remembered.js), the card has its room from the start, and nothing moves.

try {
  if (localStorage.getItem("leaderboard-user")) {
    document.currentScript?.parentElement?.classList.add("followed");
  }
} catch {
  // this browser keeps nothing
}
