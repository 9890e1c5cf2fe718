// What a live call's page shows beside the conversation: times, flags, parameters that were set.
import { offset, span } from "../console/time.js";
import { setText, showDuration, showFlags, showNeed, showState } from "./chips.js";
import { silence, stateAge } from "./need.js";
import { origin, said, value } from "./words.js";

export class Facts {
  constructor(root) {
    this.root = root;
    this.state = document.getElementById("state");
    this.need = document.getElementById("need");
    this.muted = document.getElementById("muted");
    this.flags = document.getElementById("flags");
    this.effective = document.getElementById("in-force");
  }

  show(fields) {
    for (const name of ["caller", "callee"]) if (fields[name]) this.#each(name, (element) => setText(element, fields[name]));
    if (fields.turns !== undefined) this.#each("turns", (element) => setText(element, String(fields.turns)));
  }

  tick(call, now = Date.now()) {
    showState(this.state, call, now);
    const shown = showNeed(this.need, call, now);
    this.muted.hidden = !call.muted;
    if (this.flags) showFlags(this.flags, call, shown, "li");
    this.#each("duration", (element) => showDuration(element, now));
    this.#each("in-state", (element) => setText(element, span(stateAge(call, now))));
    this.#each("silence-so-far", (element) => setText(element, said(gettext("%(seconds)s s"), { seconds: (silence(call, now) / 1_000).toFixed(1) })));
  }

  // Parameters got other values: by name the value and its origin.
  event({ name, offset_ms: at, detail }) {
    if (!this.effective || name !== "parameters") return;
    for (const [wire, [set, from]] of Object.entries(detail)) this.#set(wire, set, from, at);
  }

  #set(name, set, from, at) {
    const list = this.effective.querySelector("ul");
    let row = list.querySelector(`[data-name="${CSS.escape(name)}"]`);
    if (!row) {
      row = document.getElementById("set-parameter").content.firstElementChild.cloneNode(true);
      row.dataset.name = name;
      row.querySelector("code").textContent = name;
      list.append(row);
    }
    setText(row.querySelector('[data-f="value"]'), value(set));
    setText(row.querySelector('[data-f="origin"]'), said(gettext("%(origin)s at %(at)s"), { origin: origin(from), at: offset(at) }));
    this.effective.hidden = false;
  }

  #each(name, change) {
    for (const element of this.root.querySelectorAll(`[data-f="${name}"]`)) change(element);
  }
}

// Rows of the table of parameters, found as one types.
export function findParameters(field, table, found) {
  field?.addEventListener("input", () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const row of table.tBodies[0].rows) {
      row.hidden = !words.every((word) => row.dataset.words.includes(word));
      count += !row.hidden;
    }
    setText(found, words.length ? said(ngettext("%(count)s parameter", "%(count)s parameters", count), { count }) : "");
  });
}
