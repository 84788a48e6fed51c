// The connection: one stream of named events, and in words whether it is there.

/**
 * @param {HTMLElement} status where it is said
 * @param {Record<string, (data: any) => void>} parts what takes each kind of event
 */
export function follow(status, parts) {
  const source = new EventSource("/live");
  source.addEventListener("open", () => {
    status.textContent = "Live.";
  });
  source.addEventListener("error", () => {
    status.textContent = "Connection lost. Reconnecting.";
  });
  for (const [name, part] of Object.entries(parts)) {
    source.addEventListener(name, (event) => part(JSON.parse(event.data)));
  }
}
