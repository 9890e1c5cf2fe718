// Which live calls need somebody, and why: a pure function of what the feed says of a call.
import { said } from "./words.js";

export const SILENT_MS = 6_000;
export const REPEATED = 2;
export const VERY_SLOW_MS = 2_500;

// While these last, somebody should be speaking: the caller, or the bot.
const WAITING = ["listening", "thinking"];

const flag = (call, name) => call.flags?.[name];
const since = (call) => Date.parse(call.state_at ?? call.state_since ?? "");

export function stateAge(call, now) {
  const age = now - since(call);
  return Number.isNaN(age) ? 0 : Math.max(0, age);
}

export function silence(call, now) {
  return WAITING.includes(call.state) ? stateAge(call, now) : 0;
}

// The most urgent first. `is` gives what `words` needs, or something false.
const REASONS = [
  {
    name: "silent",
    is: (call, now) => silence(call, now) > SILENT_MS && silence(call, now),
    words: (ms) => said(gettext("silent %(seconds)s s"), { seconds: Math.floor(ms / 1_000) }),
  },
  {
    name: "no-input",
    is: (call) => flag(call, "no-input") >= REPEATED && flag(call, "no-input"),
    words: (count) => said(gettext("no input %(count)s×"), { count }),
  },
  {
    name: "not-understood",
    is: (call) => flag(call, "not-understood") >= REPEATED && flag(call, "not-understood"),
    words: (count) => said(gettext("not understood %(count)s×"), { count }),
  },
  { name: "fault", is: (call) => flag(call, "fault"), words: (fault) => fault },
  {
    name: "transfer",
    is: (call) => flag(call, "transfer"),
    words: (what) => said(gettext("transfer %(what)s"), { what }),
  },
  {
    name: "barge-in",
    is: (call) => flag(call, "barge-in") > REPEATED && flag(call, "barge-in"),
    words: (count) => said(gettext("interrupted %(count)s×"), { count }),
  },
  {
    name: "slow",
    is: (call) => call.delay_ms >= VERY_SLOW_MS && call.delay_ms,
    words: (ms) => said(gettext("reply after %(seconds)s s"), { seconds: (ms / 1_000).toFixed(1) }),
  },
];

// The most urgent reason why somebody should look at the call: { name, rank, words }, or null.
export function need(call, now) {
  for (const [rank, reason] of REASONS.entries()) {
    const found = reason.is(call, now);
    if (found) return { name: reason.name, rank, words: reason.words(found) };
  }
  return null;
}

// The calls that need somebody, the most urgent first, then the newest.
export function ordered(calls, now) {
  return [...calls]
    .map((call) => ({ call, rank: need(call, now)?.rank ?? REASONS.length, started: Date.parse(call.started_at ?? "") || now }))
    .sort((a, b) => a.rank - b.rank || b.started - a.started || (a.call.id < b.call.id ? -1 : 1))
    .map(({ call }) => call);
}

// What else stood out in the call, as short words; the reason itself is not repeated.
export function flags(call, except) {
  const found = [];
  const say = (name, text) => name !== except && found.push({ name, words: text });
  const flagged = call.flags ?? {};
  if (call.muted || flagged.muted) say("muted", gettext("bot muted"));
  if (flagged.operator) say("operator", said(gettext("with %(name)s"), { name: flagged.operator }));
  if (flagged.fault) say("fault", flagged.fault);
  if (flagged.transfer) say("transfer", said(gettext("transfer %(what)s"), { what: flagged.transfer }));
  if (flagged["no-input"]) say("no-input", said(gettext("no input %(count)s×"), { count: flagged["no-input"] }));
  if (flagged["not-understood"]) say("not-understood", said(gettext("not understood %(count)s×"), { count: flagged["not-understood"] }));
  if (flagged["barge-in"]) say("barge-in", said(gettext("interrupted %(count)s×"), { count: flagged["barge-in"] }));
  return found;
}

// `filter`: need ("1"), bot, state, number, text; empty means any.
export function matches(call, filter, now) {
  const holds = (text, part) => (text ?? "").toLowerCase().includes(part.trim().toLowerCase());
  return (
    (!filter.need || need(call, now) !== null) &&
    (!filter.bot || call.bot === filter.bot) &&
    (!filter.state || call.state === filter.state) &&
    (!filter.number || holds(call.caller, filter.number) || holds(call.callee, filter.number)) &&
    (!filter.text || holds(call.last_line, filter.text))
  );
}
