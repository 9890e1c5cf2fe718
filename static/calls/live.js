// The table of live calls, those that need somebody first. Rows never move under the pointer or the
// focus: meanwhile new calls and a new order wait behind a bar, and ended calls stay.
import { feed } from "../console/feed.js";
import { band, setText, showDuration, showFlags, showNeed, showState } from "./chips.js";
import { matches, ordered } from "./need.js";
import * as words from "./words.js";

const ENDED_STAYS_MS = 10_000;
// Many calls change many times a second; eyes do not.
const REDRAW_MS = 250;

const byId = (id) => document.getElementById(id);
const [section, body, waiting, summary] = ["live", "live-rows", "waiting", "live-summary"].map(byId);
const [truncated, template, teach, nothing] = ["truncated", "live-row", "teach", "nothing"].map(byId);
const [filters, noMatch] = ["live-filters", "no-match"].map(byId);

// By call: the row and its parts by name.
const rows = new Map();
const dirty = new Set();
let leaving = new Set();
let redrawing = false;

for (const row of body.rows) remember(row);

function remember(row) {
  const parts = { row, chip: row.querySelector(".state") };
  for (const part of row.querySelectorAll("[data-f]")) parts[part.dataset.f] ??= part;
  rows.set(row.dataset.call, parts);
  return parts;
}

const held = () => section.matches(":hover") || body.contains(document.activeElement);

function makeRow(call) {
  const row = template.content.firstElementChild.cloneNode(true);
  row.dataset.call = call.id;
  row.querySelector("a").href = `/calls/${encodeURIComponent(call.id)}/`;
  return remember(row);
}

function patch(parts, call) {
  for (const name of ["bot", "caller", "callee", "last_line"]) setText(parts[name], call[name] ?? "");
  setText(parts.test, call.is_test ? gettext("test") : "");
  setText(parts.who, call.last_line ? words.side(call.last_side) : "");
  parts.last_line.parentElement.dataset.side = call.last_side ?? "";
  setText(parts.turns, String(call.turns ?? 0));
  setText(parts.delay, call.delay_ms === undefined ? "" : `${call.delay_ms} ms`);
  if (call.delay_ms !== undefined) parts.delay.parentElement.dataset.band = band(call.delay_ms);
  if (call.started_at) parts.duration.dateTime = call.started_at;
}

function end(id, reason) {
  const parts = rows.get(id);
  if (!parts || parts.row.classList.contains("gone")) return;
  parts.row.classList.add("gone");
  parts.need.hidden = true;
  showState(parts.chip, { state: reason || "ended" });
  setTimeout(() => {
    leaving.add(id);
    redraw();
  }, ENDED_STAYS_MS);
}

function sweep() {
  if (held()) return;
  for (const id of leaving) {
    rows.get(id)?.row.remove();
    rows.delete(id);
  }
  leaving = new Set();
}

// --- order ------------------------------------------------------------------------------------------

const shownIds = () => [...body.rows].filter((row) => !row.classList.contains("gone")).map((row) => row.dataset.call);

function arrange({ force = false } = {}) {
  const calls = ordered(feed.state.calls.values(), Date.now());
  const fresh = calls.filter((call) => !rows.has(call.id));
  const known = calls.filter((call) => rows.has(call.id)).map((call) => call.id);
  const moved = shownIds().join() !== known.join();
  const hold = held() && !force && (fresh.length > 0 || moved);
  waiting.hidden = !hold;
  if (hold) {
    setText(waiting, waitingWords(fresh.length, moved));
    return;
  }
  for (const call of fresh) patch(makeRow(call), call);
  if (fresh.length || moved) place(calls);
}

function waitingWords(fresh, moved) {
  const calls = fresh && interpolate(ngettext("%(count)s new call", "%(count)s new calls", fresh), { count: fresh }, true);
  const order = moved && gettext("order changed");
  return [calls, order].filter(Boolean).join(", ");
}

// Only rows that are out of place are touched; ended ones stay after the row they stood behind.
function place(calls) {
  const focused = document.activeElement;
  const behind = new Map();
  let last = null;
  for (const row of body.rows) {
    if (row.classList.contains("gone")) behind.set(last, [...(behind.get(last) ?? []), row]);
    else last = row.dataset.call;
  }
  const wanted = [...(behind.get(null) ?? [])];
  for (const { id } of calls) wanted.push(rows.get(id).row, ...(behind.get(id) ?? []));
  let at = body.firstElementChild;
  for (const row of wanted) {
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  if (body.contains(focused) && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

// --- filter -----------------------------------------------------------------------------------------

const chosen = () => Object.fromEntries(new FormData(filters));

function filterRows(now) {
  const filter = chosen();
  let visible = 0;
  for (const [id, { row }] of rows) {
    const call = feed.state.calls.get(id);
    row.hidden = Boolean(call) && !matches(call, filter, now);
    visible += !row.hidden;
  }
  noMatch.hidden = visible > 0 || rows.size === 0;
}

function restoreFilter() {
  for (const [name, value] of new URLSearchParams(location.search)) {
    const field = filters.elements[name];
    if (field?.type === "checkbox") field.checked = value === "1";
    else if (field) field.value = value;
  }
}

function storeFilter() {
  const query = new URLSearchParams(Object.entries(chosen()).filter(([, value]) => value));
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  redraw();
}

// --- what is shown ----------------------------------------------------------------------------------

function tick() {
  const now = Date.now();
  for (const [id, parts] of rows) {
    const call = feed.state.calls.get(id);
    if (!call) continue;
    showState(parts.chip, call, now);
    showFlags(parts.flags, call, showNeed(parts.need, call, now));
    showDuration(parts.duration, now);
  }
  filterRows(now);
  summarise(now);
}

function summarise(now) {
  const calls = [...feed.state.calls.values()];
  const needy = calls.filter((call) => matches(call, { need: "1" }, now)).length;
  const total = interpolate(ngettext("%(count)s in progress", "%(count)s in progress", calls.length), { count: calls.length }, true);
  const attention = interpolate(ngettext("%(count)s needs attention", "%(count)s need attention", needy), { count: needy }, true);
  setText(summary, [calls.length && total, needy && attention].filter(Boolean).join(" · "));
}

function showEmptiness() {
  const wasEmpty = section.hidden;
  section.hidden = filters.hidden = rows.size === 0;
  nothing.hidden = !section.hidden;
  // The panel that teaches steps aside for the first call and comes back after the last.
  if (section.hidden !== wasEmpty) teach.classList.toggle("show", section.hidden);
}

function redraw(options) {
  for (const id of dirty) {
    const call = feed.state.calls.get(id);
    if (call && rows.has(id)) patch(rows.get(id), call);
  }
  dirty.clear();
  sweep();
  arrange(options);
  showEmptiness();
  tick();
}

function soon() {
  if (redrawing) return;
  redrawing = true;
  setTimeout(() => {
    redrawing = false;
    redraw();
  }, REDRAW_MS);
}

feed.addEventListener("frame", ({ detail: frame }) => {
  if (frame.t === "snapshot") {
    truncated.hidden = !frame.truncated;
    for (const id of rows.keys()) if (!feed.state.calls.has(id)) end(id, "");
    for (const id of feed.state.calls.keys()) dirty.add(id);
    redraw();
  } else if (frame.t === "call") {
    if (frame.op === "gone") end(frame.id, frame.reason);
    else dirty.add(frame.id);
    soon();
  }
});

// Without a call the panel is all there is: its button may not empty the page.
teach.addEventListener("hide.bs.collapse", (event) => {
  if (section.hidden) event.preventDefault();
});
section.addEventListener("mouseleave", () => redraw());
section.addEventListener("focusout", () => soon());
waiting.addEventListener("click", () => redraw({ force: true }));
filters.addEventListener("input", storeFilter);
filters.addEventListener("submit", (event) => event.preventDefault());
restoreFilter();
setInterval(() => redraw(), 1_000);
for (const { duration } of rows.values()) showDuration(duration);
