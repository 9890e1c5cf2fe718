// The first page while it is open: parts are fetched again as long as somebody can see them, the
// number of calls comes from the live feed, charts follow theme and width.
import { alarms } from "../alarms/feed.js";
import { feed } from "../console/feed.js";
import { localise } from "../console/time.js";
import { drawAll, resize } from "./charts.js";

const parts = [...document.querySelectorAll("[data-every]")];
const fetchedAt = new Map(parts.map((part) => [part, Date.now()]));

function refresh() {
  if (document.hidden) return;
  for (const part of parts) {
    if (Date.now() - fetchedAt.get(part) < Number(part.dataset.every) * 1_000) continue;
    // A legend that is being read, or a table that is being scrolled, is left alone.
    if (part.id === "period" && part.matches(":has(.plot:hover, .scroll:hover, .scroll:focus)")) continue;
    fetchedAt.set(part, Date.now());
    htmx.trigger(part, "refresh");
  }
}

setInterval(refresh, 1_000);
document.addEventListener("visibilitychange", refresh);

// What is wrong shows at once; the first news tell what the page shows already.
let alarmVersion = null;
alarms.addEventListener("alarms", ({ detail }) => {
  if (alarmVersion !== null && detail.version !== alarmVersion) {
    for (const part of parts) if (part.id !== "period") fetchedAt.set(part, 0);
    refresh();
  }
  alarmVersion = detail.version;
});

document.addEventListener("htmx:configRequest", (event) => {
  const zone = document.documentElement.dataset.timeZone || Intl.DateTimeFormat().resolvedOptions().timeZone;
  event.detail.parameters.zone = zone;
});

let tableIsOpen = false;
document.addEventListener("htmx:beforeSwap", () => {
  tableIsOpen = document.getElementById("chart-table")?.open ?? false;
});

document.addEventListener("htmx:afterSwap", (event) => {
  localise(event.target);
  showCalls();
  if (event.target.id !== "period") return;
  document.getElementById("chart-table").open = tableIsOpen;
  drawAll(event.target);
});

// Test calls are no calls of callers.
let known = false;
function showCalls() {
  const figure = document.querySelector("[data-calls-now]");
  if (!figure || !known || feed.link !== "live") return;
  const going = [...feed.state.calls.values()].filter((call) => !call.is_test).length;
  if (figure.textContent !== String(going)) figure.textContent = String(going);
}

feed.addEventListener("frame", (event) => {
  // A list that was cut short is no number of calls.
  if (event.detail.t === "snapshot") known = !event.detail.truncated;
  if (event.detail.t === "snapshot" || event.detail.t === "call") showCalls();
});

const period = document.getElementById("period");
if (period) {
  drawAll(period);
  let waiting = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(resize);
  });
  new MutationObserver(() => drawAll(period)).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-bs-theme"],
  });
}
