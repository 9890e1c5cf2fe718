// The silence of every turn as a bar of its parts; all bars have one scale, in milliseconds.
import { offset } from "../console/time.js";
import { band, setText } from "./chips.js";
import * as words from "./words.js";

const SPACE = "http://www.w3.org/2000/svg";
// As in calls/views/detail.py.
const SLOWEST = 3;

const part = (row, name) => row.querySelector(`[data-f="${name}"]`);

export class Waterfalls {
  constructor(list) {
    this.list = list;
  }

  add(frame) {
    if (this.list.querySelector(`[data-turn="${frame.turn}"]`)) return;
    this.list.insertBefore(this.#row(frame), this.#after(frame.turn));
    this.#rescale(frame.segments.reduce((sum, { ms }) => sum + ms, 0));
    this.#summarise();
    document.getElementById("turns-section").hidden = false;
    this.list.scrollTop = this.list.scrollHeight;
  }

  // The row of the turn in which the caller stopped at `at`; a delay is rounded as a whole.
  turnAt(at) {
    return [...this.list.children].find((row) => Math.abs(row.dataset.at - at) <= 2) ?? null;
  }

  #after(turn) {
    return [...this.list.children].find((row) => Number(row.dataset.turn) > turn) ?? null;
  }

  #row({ turn, at_ms, silence_ms, segments, agent }) {
    const row = document.getElementById("turn").content.firstElementChild.cloneNode(true);
    row.dataset.turn = turn;
    row.dataset.at = at_ms;
    row.dataset.silence = silence_ms ?? "";
    part(row, "turn").textContent = turn;
    part(row, "at").textContent = offset(at_ms);
    part(row, "silence").textContent = silence_ms === null ? gettext("not heard") : `${silence_ms} ms`;
    if (silence_ms !== null) part(row, "silence").dataset.band = band(silence_ms);
    row.querySelector(".parts").append(...segments.map(bar));
    row.querySelector(".figures").append(...segments.map(figure));
    part(row, "agent").textContent = words.agentTook(agent);
    part(row, "agent").hidden = !agent;
    return row;
  }

  #rescale(reached) {
    const scale = Math.max(Number(this.list.dataset.scale), reached);
    this.list.dataset.scale = scale;
    for (const svg of this.list.querySelectorAll(".parts")) svg.setAttribute("viewBox", `0 0 ${scale} 10`);
  }

  #summarise() {
    const heard = [...this.list.children].filter((row) => row.dataset.silence);
    const silences = heard.map((row) => Number(row.dataset.silence));
    if (!silences.length) return;
    setText(document.getElementById("silence-median"), `${median(silences)} ms`);
    setText(document.getElementById("silence-slowest"), `${Math.max(...silences)} ms`);
    const slow = heard.toSorted((a, b) => b.dataset.silence - a.dataset.silence || b.dataset.turn - a.dataset.turn);
    const marked = heard.length > SLOWEST ? slow.slice(0, SLOWEST) : [];
    for (const row of this.list.children) part(row, "mark").hidden = !marked.includes(row);
  }
}

function bar({ name, start_ms, ms }) {
  const rect = document.createElementNS(SPACE, "rect");
  for (const [key, value] of Object.entries({ x: start_ms, width: ms, height: 10 })) rect.setAttribute(key, value);
  rect.dataset.part = name;
  const title = document.createElementNS(SPACE, "title");
  title.textContent = `${words.part(name)} ${ms} ms`;
  rect.append(title);
  return rect;
}

function figure({ name, ms }) {
  const item = document.createElement("li");
  item.dataset.part = name;
  item.title = words.part(name);
  const spoken = document.createElement("span");
  spoken.className = "visually-hidden";
  spoken.textContent = words.part(name);
  item.append(spoken, ms);
  return item;
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : Math.round((sorted[middle - 1] + sorted[middle]) / 2);
}
