// The page of active alarms. It learns from the socket that something changed and fetches the rows.
// Rows never move under the pointer or the focus: they change in place, and what came or left waits
// behind a bar.
import { localise } from "../console/time.js";
import { alarms } from "./feed.js";
import "./handle.js";
import { sound } from "./sound.js";

const AGAIN_MS = 30_000; // counts grow without news

const byId = (id) => document.getElementById(id);
const [area, body, waiting, calm] = ["alarms", "alarm-rows", "waiting", "calm"].map(byId);
const filters = byId("alarm-filters");
const [tickAll, tickedCount, isCut] = ["tick-all", "ticked-count", "is-cut"].map(byId);
const told = new WeakMap(); // by row: what the gateway said of it
let latest = null; // the rows as last fetched

const rowsOf = (part) => new Map([...part.rows].map((row) => [row.dataset.alarm, row]));
const held = () => body.matches(":hover") || body.contains(document.activeElement);

// --- rows -------------------------------------------------------------------------------------------

function take(html) {
  latest = new DOMParser().parseFromString(html, "text/html").getElementById("alarm-rows");
  if (latest) redraw();
}

function redraw({ force = false } = {}) {
  if (!latest) return;
  const fresh = rowsOf(latest);
  const shown = [...rowsOf(body).keys()];
  const wanted = [...fresh.keys()];
  if (shown.join() !== wanted.join() && held() && !force) {
    wait(wanted.filter((id) => !shown.includes(id)).length, shown.filter((id) => !fresh.has(id)).length);
    changeInPlace(fresh);
  } else {
    waiting.hidden = true;
    changeInPlace(fresh);
    arrange(fresh, wanted);
  }
  showTicked();
}

function wait(came, left) {
  const news = came && interpolate(ngettext("%(n)s new alarm", "%(n)s new alarms", came), { n: came }, true);
  const over = left && interpolate(ngettext("%(n)s cleared", "%(n)s cleared", left), { n: left }, true);
  waiting.textContent = [news, over].filter(Boolean).join(", ") || gettext("order changed");
  waiting.hidden = false;
}

function changeInPlace(fresh) {
  for (const [id, row] of rowsOf(body)) {
    const wanted = fresh.get(id);
    row.classList.toggle("gone", !wanted);
    if (!wanted || told.get(row)?.isEqualNode(wanted)) continue;
    if (row.contains(document.activeElement)) continue; // changes when the focus has left
    fill(row, wanted);
  }
}

function fill(row, wanted) {
  const ticked = row.querySelector("input[name=alarm]")?.checked ?? false;
  row.replaceChildren(...document.importNode(wanted, true).childNodes);
  told.set(row, wanted);
  row.dataset.severity = wanted.dataset.severity;
  row.className = wanted.className;
  row.querySelector("input[name=alarm]").checked = ticked;
  localise(row);
}

function arrange(fresh, wanted) {
  const known = rowsOf(body);
  for (const [id, row] of known) if (!fresh.has(id)) row.remove();
  wanted.forEach((id, place) => {
    let row = known.get(id);
    if (!row) {
      row = document.createElement("tr");
      row.dataset.alarm = id;
      fill(row, fresh.get(id));
    }
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] ?? null);
  });
  isCut.hidden = !("cut" in latest.dataset);
  area.hidden = wanted.length === 0;
  if (wanted.length) filters.hidden = false;
  calm.hidden = wanted.length > 0;
}

function refresh() {
  if (!document.hidden) htmx.trigger(area, "refresh");
}

area.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.successful) take(detail.xhr.responseText);
});
body.addEventListener("mouseleave", () => redraw());
body.addEventListener("focusout", () => setTimeout(redraw, 200));
waiting.addEventListener("click", () => redraw({ force: true }));
document.addEventListener("visibilitychange", refresh);
alarms.addEventListener("alarms", refresh);
setInterval(refresh, AGAIN_MS);

// --- without the gateway ----------------------------------------------------------------------------

const notHeard = byId("not-heard");

alarms.addEventListener("link", () => {
  const since = notHeard.querySelector("time");
  since.dateTime = new Date(alarms.heardAt).toISOString();
  since.dataset.show = "time";
  localise(notHeard);
  notHeard.hidden = alarms.isHeard;
  if (alarms.isHeard) refresh();
});

// --- ticks ------------------------------------------------------------------------------------------

const boxes = () => [...body.querySelectorAll("input[name=alarm]")];

function showTicked() {
  const all = boxes();
  const ticked = all.filter((box) => box.checked).length;
  document.querySelector(".when-ticked").hidden = ticked === 0;
  tickAll.checked = ticked > 0 && ticked === all.length;
  tickAll.indeterminate = ticked > 0 && !tickAll.checked;
  tickedCount.textContent = ticked
    ? interpolate(ngettext("%(n)s alarm ticked", "%(n)s alarms ticked", ticked), { n: ticked }, true)
    : interpolate(ngettext("%(n)s alarm", "%(n)s alarms", all.length), { n: all.length }, true);
}

document.addEventListener("change", (event) => {
  if (event.target === tickAll) for (const box of boxes()) box.checked = tickAll.checked;
  if (event.target === tickAll || event.target.name === "alarm") showTicked();
});
// A browser that goes back shows the ticks of before.
addEventListener("pageshow", showTicked);
showTicked();

// --- sound ------------------------------------------------------------------------------------------

const toggle = document.querySelector("[data-alarm-sound]");

function showSound() {
  toggle.setAttribute("aria-checked", String(sound.on));
}

toggle.addEventListener("click", () => {
  sound.on = !sound.on;
  if (sound.on) sound.try();
  showSound();
});
showSound();
