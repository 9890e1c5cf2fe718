// How a live call is doing: its state, and for how long when that matters; how a reply delay feels.
import { span } from "../console/time.js";

// A caller who waits longer than this wonders whether anybody is there.
const LONG_THINKING_MS = 3_000;
const LONG_SILENCE_MS = 10_000;
const SHOW_AFTER_MS = 2_000;

// As in calls/templatetags/console.py.
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
  const age = call.state_since ? now - Date.parse(call.state_since) : 0;
  const limit = { thinking: LONG_THINKING_MS, listening: LONG_SILENCE_MS }[state] ?? Infinity;
  if (chip.dataset.state !== state) chip.dataset.state = state;
  chip.classList.toggle("long", age > limit);
  setText(chip.querySelector('[data-f="state"]'), state || "in progress");
  setText(chip.querySelector('[data-f="state-for"]'), age > SHOW_AFTER_MS ? span(age) : "");
}

export function showDuration(element, now = Date.now()) {
  const started = Date.parse(element.dateTime);
  if (!Number.isNaN(started)) setText(element, span(now - started));
}
