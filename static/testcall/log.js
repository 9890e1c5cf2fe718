// What happened in a call, in words. Texts of the bot are only ever textContent.
import { agentTook, part, said } from "../calls/words.js";
import { offset } from "../console/time.js";

const MOST_ROWS = 300;
const MOST_CHARACTERS = 200;

// What took time in a turn and its end and beginning, as calls.core.waterfall.
const SEGMENTS = [
  ["endpointing", "end_decided_ms", "caller_stopped_ms"],
  ["recognition", "final_text_ms", "end_decided_ms"],
  ["collection", "sent_to_bot_ms", "final_text_ms"],
  ["bot", "bot_answered_ms", "sent_to_bot_ms"],
  ["synthesis", "audio_ready_ms", "bot_answered_ms"],
  ["delivery", "audio_sent_ms", "audio_ready_ms"],
];

// The silence before the answer to a turn; null when none was heard.
export function silence(times) {
  return times.audio_sent_ms === null ? null : times.audio_sent_ms - times.caller_stopped_ms;
}

export function turnWords(times) {
  const { turn } = times;
  const total = silence(times);
  if (total === null) return said(gettext("Turn %(turn)s: no answer was heard"), { turn });
  const parts = SEGMENTS.filter(([, to, from]) => times[to] > times[from])
    .map(([name, to, from]) => `${part(name)} ${times[to] - times[from]}`)
    .concat(times.agent ? [agentTook(times.agent)] : [])
    .join(" · ");
  return said(gettext("Turn %(turn)s: answered after %(total)s ms (%(parts)s)"), { turn, total, parts });
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
    const text = document.createElement("span");
    time.textContent = offset(performance.now() - this.#startedAt);
    text.textContent = words.length > MOST_CHARACTERS ? `${words.slice(0, MOST_CHARACTERS)}…` : words;
    text.dir = "auto";
    if (kind) row.dataset.kind = kind;
    row.append(time, text);
    const follow = this.#list.scrollHeight - this.#list.scrollTop - this.#list.clientHeight < 24;
    this.#list.append(row);
    if (this.#list.children.length > MOST_ROWS) this.#list.firstElementChild.remove();
    if (follow) this.#list.scrollTop = this.#list.scrollHeight;
  }
}
