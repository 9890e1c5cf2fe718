// The field of a dialog in which one live parameter gets another value.
import { setText } from "./chips.js";
import { said } from "./words.js";

export class ParameterField {
  constructor(controls, byId) {
    this.controls = new Map(controls.map((control) => [control.name, control]));
    [this.select, this.holder, this.hint, this.wrong, this.back] =
      ["set-name", "set-control", "set-hint", "set-wrong", "set-back"].map(byId);
    this.select.replaceChildren(...groups(controls));
    this.select.addEventListener("change", () => this.show());
    this.back.addEventListener("change", () => (this.input.disabled = this.back.checked));
    this.show();
  }

  // What the bot or a supervisor has set since: by name the value and its origin.
  changed(values) {
    for (const [name, [value]] of Object.entries(values)) {
      const control = this.controls.get(name);
      if (control) control.value = value;
    }
  }

  show() {
    const control = this.controls.get(this.select.value);
    if (!control) return;
    this.input = makeInput(control);
    this.input.id = "set-value";
    this.input.disabled = this.back.checked;
    this.holder.replaceChildren(this.input);
    this.#refuse("");
    const unit = control.unit ? ` (${control.unit})` : "";
    setText(this.hint, `${control.help}${unit}`);
  }

  // The command, or null when the value cannot be read.
  read() {
    const control = this.controls.get(this.select.value);
    const command = { do: "set", name: control.name };
    if (this.back.checked) return { ...command, value: null };
    try {
      return { ...command, value: readers[control.kind](this.input.value, control) };
    } catch (error) {
      this.#refuse(said(gettext("This is no JSON: %(problem)s"), { problem: error.message }));
      this.input.focus();
      return null;
    }
  }

  #refuse(problem) {
    setText(this.wrong, problem);
    this.wrong.classList.toggle("wrong", problem !== "");
  }
}

const readers = {
  boolean: (text) => text === "true",
  choice: (text, { choices }) => choices[Number(text)],
  integer: Number,
  number: Number,
  text: (text) => text,
  json: JSON.parse,
};

function groups(controls) {
  const made = new Map();
  for (const { section, name } of controls) {
    if (!made.has(section)) made.set(section, Object.assign(document.createElement("optgroup"), { label: section }));
    made.get(section).append(new Option(name, name));
  }
  return made.values();
}

function makeInput({ kind, value, choices, least, most }) {
  if (kind === "boolean") return makeSelect([[gettext("on"), "true"], [gettext("off"), "false"]], String(value));
  if (kind === "choice") return makeSelect(choices.map((choice, index) => [String(choice), String(index)]), String(choices.indexOf(value)));
  const input = document.createElement(kind === "json" ? "textarea" : "input");
  if (kind === "integer" || kind === "number") {
    Object.assign(input, { type: "number", required: true, step: kind === "integer" ? "1" : "any" });
    if (least !== null) input.min = least;
    if (most !== null) input.max = most;
  }
  input.value = typeof value === "object" ? JSON.stringify(value) : value;
  return input;
}

function makeSelect(options, chosen) {
  const select = document.createElement("select");
  select.append(...options.map(([title, value]) => new Option(title, value)));
  select.value = chosen;
  return select;
}
