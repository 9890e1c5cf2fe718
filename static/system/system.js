// The page about the gateway while it is open: its parts are fetched again as long as somebody can
// see them. Rows keep their places; what has the focus has an id and keeps it.
import { localise } from "../console/time.js";

const parts = [...document.querySelectorAll("[data-every]")];
const fetchedAt = new Map(parts.map((part) => [part, Date.now()]));

function refresh() {
  if (document.hidden) return;
  for (const part of parts) {
    if (Date.now() - fetchedAt.get(part) < Number(part.dataset.every) * 1_000) continue;
    fetchedAt.set(part, Date.now());
    htmx.trigger(part, "refresh");
  }
}

setInterval(refresh, 1_000);
document.addEventListener("visibilitychange", refresh);
document.addEventListener("htmx:afterSwap", (event) => localise(event.target));
