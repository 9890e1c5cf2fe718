// What every page of the console does: times, copy buttons, the live feed's state in the rail.
import { feed } from "./feed.js";
import { localise } from "./time.js";

localise(document);
document.addEventListener("htmx:afterSwap", () => localise(document));
setInterval(() => localise(document, "ago"), 30_000);

// On a narrow screen the open tab is in sight.
for (const tab of document.querySelectorAll(".tabs [aria-current]")) {
  const bar = tab.parentElement;
  const middle = (bar.clientWidth - tab.offsetWidth) / 2;
  bar.scrollLeft += tab.getBoundingClientRect().left - bar.getBoundingClientRect().left - middle;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  await copy(document.getElementById(button.dataset.copy));
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1_500);
});

// The clipboard is only there in secure contexts; elsewhere the text is left selected.
async function copy(source) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(source.textContent);
  } else {
    getSelection().selectAllChildren(source);
    document.execCommand("copy");
  }
}

// Who has a page open and visible is there: the session goes on.
const STILL_HERE_MS = 5 * 60_000;
const SESSION_URL = document.querySelector("[data-session]")?.dataset.session;

if (SESSION_URL) {
  setInterval(async () => {
    if (document.hidden) return;
    const answer = await fetch(SESSION_URL, { redirect: "manual" }).catch(() => null);
    if (answer?.type === "opaqueredirect") location.reload();
  }, STILL_HERE_MS);
}

const linkState = document.getElementById("link-state");
const count = document.querySelector("[data-live-count]");

if (linkState) {
  const words = {
    live: gettext("Live"),
    waiting: gettext("Reconnecting"),
    stale: gettext("No news from the gateway"),
  };

  feed.addEventListener("link", () => {
    linkState.dataset.state = feed.link;
    linkState.title = words[feed.link];
    linkState.querySelector(".word").textContent = words[feed.link];
    document.body.classList.toggle("is-stale", feed.link !== "live");
  });

  feed.addEventListener("calls", () => {
    const calls = feed.state.calls.size;
    count.hidden = false;
    count.textContent = String(calls);
    count.title = interpolate(ngettext("%(calls)s live call", "%(calls)s live calls", calls), { calls }, true);
    count.classList.toggle("some", calls > 0);
  });

  feed.start(linkState.dataset.feed);
}
