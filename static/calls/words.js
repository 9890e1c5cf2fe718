// The gateway's codes in the reader's language; a code without words is shown as it is.

const sides = {
  caller: gettext("caller"),
  bot: gettext("bot"),
  operator: gettext("operator"),
  system: gettext("gateway"),
  gateway: gettext("gateway"),
  voice: gettext("voice side"),
};

// As calls.core.commands.CallState.
const states = {
  connecting: gettext("connecting"),
  ringing: gettext("ringing"),
  "bot speaking": gettext("bot speaking"),
  listening: gettext("listening"),
  "caller speaking": gettext("caller speaking"),
  thinking: gettext("thinking"),
  transferring: gettext("transferring"),
  closing: gettext("closing"),
  ended: gettext("ended"),
};

// As calls.core.waterfall.
const parts = {
  endpointing: pgettext("part of a silence", "endpointing"),
  recognition: pgettext("part of a silence", "recognition"),
  collection: pgettext("part of a silence", "collection"),
  bot: gettext("bot"),
  synthesis: pgettext("part of a silence", "synthesis"),
  delivery: pgettext("part of a silence", "delivery"),
  unexplained: pgettext("part of a silence", "unexplained"),
};

// What a voice agent says it took for its answer, as the filter of the same name.
const took = {
  stt_ms: gettext("recognised %(ms)s ms"),
  think_ms: gettext("thought %(ms)s ms"),
  tts_ms: gettext("spoke %(ms)s ms"),
  total_ms: gettext("%(ms)s ms in all"),
};

export function agentTook(times) {
  const told = Object.keys(took).filter((name) => name in (times ?? {}));
  const parts = told.map((name) => said(took[name], { ms: times[name] })).join(", ");
  return told.length ? said(gettext("of which the agent: %(parts)s"), { parts }) : "";
}

// Where a value comes from, as the filter of the same name.
const origins = {
  provider: gettext("provider %(name)s"),
  "base bot": gettext("base bot %(name)s"),
  bot: gettext("bot %(name)s"),
  supervisor: gettext("supervisor %(name)s"),
};

export function origin(name) {
  if (name === "default") return gettext("default");
  if (name === "bot at run time") return gettext("bot at run time");
  const kind = Object.keys(origins).find((each) => name.startsWith(`${each} `));
  return kind ? said(origins[kind], { name: name.slice(kind.length + 1) }) : name;
}

export const side = (code) => sides[code] ?? code ?? "";
export const state = (code) => states[code] ?? code;
export const part = (code) => parts[code] ?? code;

export function said(template, values) {
  return interpolate(template, values, true);
}

// A value of a parameter or of an event's detail, as calls.callrecord.shown.
export function value(of) {
  return typeof of === "string" ? of : JSON.stringify(of);
}
