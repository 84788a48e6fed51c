// The screen in a hall stays on.

/** Hold a wake lock; the browser releases it whenever the page is hidden. */
export function start() {
  document.addEventListener("visibilitychange", () => document.hidden || lock());
  lock();
}

async function lock() {
  try {
    await navigator.wakeLock.request("screen");
  } catch (error) {
    console.warn("This screen may sleep: a wake lock needs HTTPS, or localhost.", error);
  }
}
