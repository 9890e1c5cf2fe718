// What happened in a call, in words. Texts of the bot are only ever textContent.
import { offset } from "../console/time.js";

const MOST_ROWS = 300;
const MOST_CHARACTERS = 200;

const endings = [
  ["end_decided_ms", "caller_stopped_ms", () => gettext("end of speech")],
  ["final_text_ms", "end_decided_ms", () => gettext("recognition")],
  ["sent_to_bot_ms", "final_text_ms", () => gettext("collection")],
  ["bot_answered_ms", "sent_to_bot_ms", () => gettext("bot")],
  ["audio_ready_ms", "bot_answered_ms", () => gettext("voice")],
  ["audio_sent_ms", "audio_ready_ms", () => gettext("delivery")],
];

const states = () => ({
  connecting: gettext("connecting"),
  "bot speaking": gettext("bot speaking"),
  listening: gettext("listening"),
  "caller speaking": gettext("you speak"),
  thinking: gettext("bot thinks"),
  transferring: gettext("transferring"),
  closing: gettext("closing"),
  ended: gettext("ended"),
});

export function stateWords(state) {
  return states()[state] ?? state;
}

// The silence before the answer to a turn; null when there was no answer.
export function silence(times) {
  return times.audio_sent_ms === null ? null : times.audio_sent_ms - times.caller_stopped_ms;
}

export function turnWords(times) {
  const total = silence(times);
  const parts = endings
    .filter(([to, from]) => times[to] !== null && times[from] !== null && times[to] > times[from])
    .map(([to, from, name]) => `${name()} ${times[to] - times[from]}`);
  const values = { turn: times.turn, total, parts: parts.join(" · ") };
  if (total === null) return interpolate(gettext("Turn %(turn)s: no answer was heard"), values, true);
  return interpolate(gettext("Turn %(turn)s: answered after %(total)s ms (%(parts)s)"), values, true);
}

export class Log {
  #list;
  #startedAt = performance.now();

  constructor(list) {
    this.#list = list;
  }

  restart() {
    this.#list.replaceChildren();
    this.#startedAt = performance.now();
  }

  add(words, kind = "") {
    const row = document.createElement("li");
    const time = document.createElement("time");
    const said = document.createElement("span");
    time.textContent = offset(performance.now() - this.#startedAt);
    said.textContent = words.length > MOST_CHARACTERS ? `${words.slice(0, MOST_CHARACTERS)}…` : words;
    said.dir = "auto";
    if (kind) row.dataset.kind = kind;
    row.append(time, said);
    const follow = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 24;
    this.#list.append(row);
    if (this.#list.children.length > MOST_ROWS) this.#list.firstElementChild.remove();
    if (follow) this.#list.scrollTop = this.#list.scrollHeight;
  }
}
