// The table of live calls. Rows never move under the pointer: while it is over the table, new calls
// wait behind a bar, and ended ones stay.
import { feed } from "../console/feed.js";
import { band, setText, showDuration, showState } from "./chips.js";

const ENDED_STAYS_MS = 10_000;

const section = document.getElementById("live");
const body = document.getElementById("live-rows");
const waiting = document.getElementById("waiting");
const summary = document.getElementById("live-summary");
const truncated = document.getElementById("truncated");
const template = document.getElementById("live-row");
const teach = document.getElementById("teach");
const nothing = document.getElementById("nothing");

const rows = new Map();
for (const row of body.rows) rows.set(row.dataset.call, row);
let leaving = new Set();

const hovered = () => section.matches(":hover") || section.contains(document.activeElement);

function part(row, name) {
  return row.querySelector(`[data-f="${name}"]`);
}

function makeRow(call) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.dataset.call = call.id;
  part(row, "bot").href = `/calls/${encodeURIComponent(call.id)}/`;
  rows.set(call.id, row);
  return row;
}

function patch(row, call) {
  for (const name of ["bot", "caller", "callee", "last_line"]) setText(part(row, name), call[name] ?? "");
  setText(part(row, "test"), call.is_test ? "test" : "");
  setText(part(row, "who"), call.last_side ?? "");
  part(row, "last_line").parentElement.dataset.side = call.last_side ?? "";
  setText(part(row, "turns"), String(call.turns ?? 0));
  setText(part(row, "delay"), call.delay_ms === undefined ? "" : `${call.delay_ms} ms`);
  if (call.delay_ms !== undefined) part(row, "delay").parentElement.dataset.band = band(call.delay_ms);
  if (call.started_at) part(row, "duration").dateTime = call.started_at;
}

function place(row, call) {
  const started = Date.parse(call.started_at ?? "") || Date.now();
  const next = [...body.rows].find((other) => Date.parse(part(other, "duration").dateTime) < started);
  body.insertBefore(row, next ?? null);
}

function end(id, reason) {
  const row = rows.get(id);
  if (!row || row.classList.contains("gone")) return;
  row.classList.add("gone");
  showState(row.querySelector(".state"), { state: reason || "ended" });
  setTimeout(() => {
    leaving.add(row);
    sweep();
  }, ENDED_STAYS_MS);
}

function sweep() {
  if (hovered()) return;
  for (const row of leaving) {
    rows.delete(row.dataset.call);
    row.remove();
  }
  leaving = new Set();
  showEmptiness();
}

function showNew({ force = false } = {}) {
  const fresh = [...feed.state.calls.values()].filter((call) => !rows.has(call.id));
  const hold = fresh.length > 0 && hovered() && !force;
  waiting.hidden = !hold;
  if (hold) setText(waiting, fresh.length === 1 ? "Show 1 new call" : `Show ${fresh.length} new calls`);
  if (hold) return;
  for (const call of fresh) {
    const row = makeRow(call);
    patch(row, call);
    place(row, call);
  }
}

function showEmptiness() {
  const wasEmpty = section.hidden;
  section.hidden = rows.size === 0;
  nothing.hidden = !section.hidden;
  // The panel that teaches steps aside for the first call and comes back after the last.
  if (section.hidden !== wasEmpty) teach.classList.toggle("show", section.hidden);
}

function tick() {
  const now = Date.now();
  for (const [id, row] of rows) {
    const call = feed.state.calls.get(id);
    if (!call) continue;
    showState(row.querySelector(".state"), call, now);
    showDuration(part(row, "duration"), now);
  }
}

function summarise() {
  const calls = [...feed.state.calls.values()];
  const thinking = calls.filter((call) => call.state === "thinking").length;
  setText(summary, calls.length ? `${calls.length} in progress${thinking ? `, ${thinking} waiting for a reply` : ""}` : "");
}

function showAll() {
  for (const id of rows.keys()) if (!feed.state.calls.has(id)) end(id, "");
  for (const [id, call] of feed.state.calls) if (rows.has(id)) patch(rows.get(id), call);
}

feed.addEventListener("frame", ({ detail: frame }) => {
  if (frame.t === "snapshot") {
    truncated.hidden = !frame.truncated;
    showAll();
  } else if (frame.t === "call" && frame.op === "gone") {
    end(frame.id, frame.reason);
  } else if (frame.t === "call" && rows.has(frame.id)) {
    patch(rows.get(frame.id), feed.state.calls.get(frame.id));
  } else if (frame.t !== "call") {
    return;
  }
  showNew();
  showEmptiness();
  summarise();
  tick();
});

// Without a call the panel is all there is: its button may not empty the page.
teach.addEventListener("hide.bs.collapse", (event) => {
  if (section.hidden) event.preventDefault();
});
section.addEventListener("mouseleave", () => {
  showNew();
  sweep();
});
waiting.addEventListener("click", () => showNew({ force: true }));
setInterval(tick, 1_000);
for (const row of rows.values()) showDuration(part(row, "duration"));
