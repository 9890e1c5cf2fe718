// What every page shows of alarms: count in the rail, page title, favicon; news in the corner and,
// if this browser wants it, a sound.
import { alarms } from "./feed.js";
import { fresh } from "./fresh.js";
import { sound } from "./sound.js";

const STAYS_MS = 20_000;
const GATHER_MS = 300; // what comes together is told together

const region = document.getElementById("alarm-news");
const count = document.querySelector("[data-alarm-count]");
const favicon = document.querySelector('link[rel="icon"]');
const plainTitle = document.title;
const plainMark = favicon.href;
const here = document.querySelector("#alarms[data-whole]"); // shows what comes by itself
const words = {
  critical: gettext("critical"),
  major: gettext("major"),
  minor: gettext("minor"),
  warning: gettext("warning"),
  indeterminate: gettext("indeterminate"),
};
let gathered = new Set();
let leaveAt = 0;

function showTally({ total, worst, counts }) {
  document.title = total ? `(${total}) ${plainTitle}` : plainTitle;
  favicon.href = region.dataset[worst] ?? plainMark;
  if (!count) return;
  count.hidden = total === 0;
  count.textContent = String(total);
  count.dataset.worst = worst;
  count.classList.toggle("some", total > 0);
  count.title = Object.entries(counts).map(([word, number]) => `${number} ${words[word]}`).join(", ");
}

// --- news -------------------------------------------------------------------------------------------

function hear(tally) {
  const ids = fresh(tally.loud, sessionStorage);
  const loud = new Set(tally.loud.map(([id]) => id));
  for (const toast of region.querySelectorAll("[data-alarm]")) {
    if (!loud.has(toast.dataset.alarm)) toast.remove();
  }
  if (!ids.length) return;
  sound.play();
  if (here) return;
  if (!gathered.size) setTimeout(tell, GATHER_MS);
  for (const id of ids) gathered.add(id);
}

function tell() {
  const query = new URLSearchParams([...gathered].map((id) => ["id", id]));
  gathered = new Set();
  htmx.ajax("GET", `${region.dataset.news}?${query}`, { target: region });
  leaveAt = Date.now() + STAYS_MS;
}

setInterval(() => {
  if (Date.now() > leaveAt && !region.matches(":hover, :focus-within")) region.replaceChildren();
}, 1_000);

region.addEventListener("click", (event) => event.target.closest("[data-close-toast]")?.parentElement.remove());

alarms.addEventListener("alarms", ({ detail }) => {
  showTally(detail);
  hear(detail);
});
alarms.start(region.dataset.feed, region.dataset.state);
