// The fields of a dialog that directs the bot itself: those of the message that is chosen.
import { setText } from "./chips.js";
import { said } from "./words.js";

const LONGEST = 60_000;

export class AgentFields {
  constructor(messages, byId) {
    this.messages = new Map(messages.map((message) => [message.type, message]));
    [this.select, this.holder, this.hint, this.wrong] = ["agent-type", "agent-fields", "agent-hint", "agent-wrong"].map(byId);
    this.select.replaceChildren(...messages.map(({ type }) => new Option(type, type)));
    this.select.addEventListener("change", () => this.show());
    this.show();
  }

  show() {
    const message = this.messages.get(this.select.value);
    if (!message) return;
    setText(this.hint, message.help);
    this.inputs = new Map(message.fields.map((field) => [field, makeInput(field)]));
    this.holder.replaceChildren(...[...this.inputs].map(([field, input]) => labelled(field, input)));
    this.#refuse("");
  }

  // The command, or null when a value cannot be read.
  read() {
    const message = { type: this.select.value };
    for (const [field, input] of this.inputs) {
      if (input.value.trim() === "" && !field.required) continue;
      try {
        message[field.name] = field.kind === "json" ? JSON.parse(input.value) : input.value;
      } catch (error) {
        return this.#refuse(said(gettext("%(field)s is no JSON: %(problem)s"), { field: field.name, problem: error.message }), input);
      }
    }
    if (JSON.stringify(message).length > LONGEST) return this.#refuse(gettext("This is too much for one message."), this.select);
    return { do: "agent", message };
  }

  #refuse(problem, input) {
    setText(this.wrong, problem);
    this.wrong.classList.toggle("wrong", problem !== "");
    input?.closest(".field").append(this.wrong);
    input?.focus();
    return null;
  }
}

function labelled({ name, kind, required }, input) {
  const field = Object.assign(document.createElement("div"), { className: "field" });
  const label = Object.assign(document.createElement("label"), { htmlFor: `agent-${name}` });
  const title = kind === "json" ? said(gettext("%(field)s, as JSON"), { field: name }) : name;
  label.textContent = required || kind === "choice" ? title : said(gettext("%(field)s (optional)"), { field: title });
  field.append(label, input);
  return field;
}

function makeInput({ name, kind, required, choices, most }) {
  const input = document.createElement({ choice: "select", line: "input" }[kind] ?? "textarea");
  if (kind === "choice") input.append(...choices.map((choice) => new Option(choice, choice)));
  else Object.assign(input, { required, autocomplete: "off" });
  if (kind === "json") Object.assign(input, { rows: 6, spellcheck: false, className: "mono" });
  else input.dir = "auto";
  if (most !== null && kind !== "choice") input.maxLength = most;
  input.id = `agent-${name}`;
  return input;
}
