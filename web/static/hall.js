// The screen in a hall: it never sleeps, and starts afresh once a day, when nobody would notice.

const DAY_MS = 24 * 3600 * 1000;
const QUIET_MS = 60_000; // without a change, before it starts afresh
const PATIENCE_MS = 2 * 3600 * 1000; // after which it starts afresh all the same
const LOOK_MS = 10_000;

/** @returns {() => void} to be called at each change of the board */
export function keepHall() {
  stayAwake();
  const openedAt = Date.now();
  let changedAt = openedAt;
  setInterval(() => {
    const over = Date.now() - openedAt - DAY_MS;
    if (over > 0 && (Date.now() - changedAt > QUIET_MS || over > PATIENCE_MS)) {
      startAfresh();
    }
  }, LOOK_MS);
  return () => {
    changedAt = Date.now();
  };
}

/** Reload, but only if the server is there: an error page would stay for ever. */
async function startAfresh() {
  const answer = await fetch("health", { cache: "no-store" }).catch(() => null);
  if (answer?.ok) {
    location.reload();
  }
}

/** Hold the wake lock; the browser drops it whenever the page is hidden. */
async function stayAwake() {
  document.addEventListener("visibilitychange", () => document.hidden || lock());
  await lock();
}

async function lock() {
  try {
    await navigator.wakeLock.request("screen");
  } catch (error) {
    console.warn("This screen may sleep: a wake lock needs HTTPS, or localhost.", error);
  }
}
