// How a live call is doing: its state, and for how long when that matters; how a reply delay feels.
import { span } from "../console/time.js";
import { flags, need, stateAge } from "./need.js";
import * as words from "./words.js";

// A caller who waits longer than this wonders whether anybody is there.
const LONG_THINKING_MS = 3_000;
const LONG_SILENCE_MS = 10_000;
const SHOW_AFTER_MS = 2_000;

// As in calls/templatetags/calls.py.
const SLOW_MS = 800;
const LATE_MS = 1_500;

export function band(delay) {
  return delay >= LATE_MS ? "late" : delay >= SLOW_MS ? "slow" : "good";
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export function showState(chip, call, now = Date.now()) {
  const state = call.state ?? "";
  const age = stateAge(call, now);
  const limit = { thinking: LONG_THINKING_MS, listening: LONG_SILENCE_MS }[state] ?? Infinity;
  if (chip.dataset.state !== state) chip.dataset.state = state;
  chip.classList.toggle("long", age > limit);
  setText(chip.querySelector('[data-f="state"]'), words.state(state) || gettext("in progress"));
  setText(chip.querySelector('[data-f="state-for"]'), age > SHOW_AFTER_MS ? span(age) : "");
}

// Returns the name of the need that is shown.
export function showNeed(chip, call, now = Date.now()) {
  const found = need(call, now);
  chip.hidden = !found;
  if (found) {
    chip.dataset.need = found.name;
    setText(chip, found.words);
  }
  return found?.name;
}

export function showFlags(list, call, except, tag = "span") {
  const found = flags(call, except);
  const key = JSON.stringify(found);
  if (list.dataset.shown === key) return;
  list.dataset.shown = key;
  list.replaceChildren(
    ...found.map((flag) => {
      const item = document.createElement(tag);
      item.className = "chip flag";
      item.dataset.flag = flag.name;
      item.textContent = flag.words;
      return item;
    }),
  );
}

export function showDuration(element, now = Date.now()) {
  const started = Date.parse(element.dateTime);
  if (!Number.isNaN(started)) setText(element, span(now - started));
}
