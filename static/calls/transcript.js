// Builds and patches the lines of a conversation. What people and bots said is only ever textContent.
import { offset } from "../console/time.js";
import { band } from "./chips.js";
import { said, side } from "./words.js";

// As in calls/templatetags/calls.py.
const BAR_MS = 3_000;
const BAR_UNITS = 56;

function copyOf(id) {
  return document.getElementById(id).content.firstElementChild.cloneNode(true);
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

const part = (entry, name) => entry.querySelector(`[data-f="${name}"]`);

export class Transcript {
  constructor(list) {
    this.list = list;
  }

  get last() {
    return Math.max(0, ...[...this.list.querySelectorAll("[data-n]")].map((entry) => Number(entry.dataset.n)));
  }

  add(line) {
    if (document.getElementById(`n${line.n}`)) return;
    this.interim(line.side, "");
    const entry = line.kind === "event" ? this.#event(line) : this.#said(line);
    entry.id = `n${line.n}`;
    entry.dataset.n = line.n;
    entry.dataset.at = line.offset_ms;
    part(entry, "offset").textContent = offset(line.offset_ms);
    this.list.insertBefore(entry, this.#after(line.offset_ms));
  }

  // What a line stands before: a prompt comes when it has been spoken, after what happened meanwhile.
  #after(at) {
    const later = [...this.list.querySelectorAll("[data-n]")].reverse();
    const before = later.findIndex((entry) => Number(entry.dataset.at) <= at);
    return (before < 0 ? later.at(-1) : later[before - 1]) ?? this.list.querySelector(".interim");
  }

  // Text in progress, replaced in place; never announced to screen readers.
  interim(who, text) {
    let entry = this.list.querySelector(`.interim.${CSS.escape(who)}`);
    if (!text) {
      entry?.remove();
      return;
    }
    if (!entry) {
      entry = copyOf("line");
      entry.classList.add(who, "interim");
      entry.setAttribute("aria-hidden", "true");
      part(entry, "offset").textContent = "…";
      this.list.append(entry);
    }
    part(entry, "text").textContent = text;
  }

  // The line that answered a turn: it began `silence` after the caller stopped at `at`.
  answerTo(at) {
    return [...this.list.querySelectorAll("[data-answers]")].find((entry) => Math.abs(entry.dataset.answers - at) <= 2) ?? null;
  }

  #event(line) {
    const entry = copyOf("event");
    entry.classList.add(line.side);
    part(entry, "text").textContent = line.text;
    return entry;
  }

  #said(line) {
    const entry = copyOf("line");
    entry.classList.add(line.side);
    part(entry, "who").textContent = `${side(line.side)}:`;
    if (line.side === "operator") part(entry, "who").after(copyOf("human"));
    const paragraph = entry.querySelector(".text");
    if (line.kind === "dtmf") {
      paragraph.replaceWith(this.#keys(line.text));
    } else {
      part(entry, "text").textContent = line.text;
      if (line.full_text) paragraph.append(" ", ...this.#cut(line));
      if (line.confidence !== null) {
        const share = new Intl.NumberFormat(document.documentElement.lang, { style: "percent" }).format(line.confidence);
        entry.querySelector(".said").append(element("span", "meta", said(gettext("confidence %(share)s"), { share })));
      }
    }
    if (line.delay_ms !== null) this.#delay(entry, line);
    return entry;
  }

  #keys(digits) {
    const keys = element("span", "keys");
    keys.append(...[...digits].map((digit) => element("kbd", "", digit)));
    return keys;
  }

  #cut(line) {
    const heard = line.full_text.startsWith(line.text) ? line.text.length : 0;
    return [element("span", "cut", gettext("cut off")), element("s", "unheard", line.full_text.slice(heard).trim())];
  }

  #delay(entry, { delay_ms: delay, offset_ms: at }) {
    const badge = part(entry, "delay");
    const bar = copyOf("bar");
    entry.dataset.answers = at - delay;
    badge.hidden = false;
    badge.dataset.band = band(delay);
    badge.title = gettext("From the end of the caller's turn to the first sound of the reply. Shows where it went.");
    bar.querySelector(".value").setAttribute("width", Math.max(1, Math.round((BAR_UNITS * Math.min(delay, BAR_MS)) / BAR_MS)));
    badge.append(`${delay} ms`, bar);
  }
}
