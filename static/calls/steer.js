// Stepping into a live call: dialogs that send a command, and lines that tell what came of each.
// A command counts as done when the gateway has observed its effect, never by the click.
import { feed } from "../console/feed.js";
import { AgentFields } from "./agent.js";
import { setText } from "./chips.js";
import { ParameterField } from "./parameter.js";
import { said } from "./words.js";

const SHOWN = 4;
const QUOTED = 60;

const quote = (text) => (text.length > QUOTED ? `${text.slice(0, QUOTED)}…` : text);

const titles = {
  hangup: () => gettext("Hang up"),
  transfer: ({ target }) => said(gettext("Transfer to %(target)s"), { target }),
  say: ({ text }) => said(gettext("Say “%(text)s”"), { text: quote(text) }),
  message: ({ text }) => said(gettext("Tell the bot “%(text)s”"), { text: quote(text) }),
  mute: ({ on }) => (on ? gettext("Mute the bot") : gettext("Let the bot speak again")),
  agent: ({ message }) => said(gettext("Direct the agent: %(type)s"), { type: message.type }),
  set: ({ name, value }) =>
    value === null ? said(gettext("Take back %(name)s"), { name }) : said(gettext("Set %(name)s to %(value)s"), { name, value: quote(JSON.stringify(value)) }),
};

const states = {
  sent: () => gettext("sent"),
  accepted: () => gettext("accepted, waiting for the effect"),
  done: () => gettext("done"),
  failed: () => gettext("failed"),
};

export class Steering {
  constructor(byId) {
    this.byId = byId;
    this.pending = new Map();
    this.count = 0;
    this.muted = false;
    document.addEventListener("click", (event) => this.#click(event.target));
    document.addEventListener("submit", (event) => this.#submit(event));
  }

  begin(call) {
    this.call = call;
    const controls = this.byId("controls");
    this.field = controls && new ParameterField(JSON.parse(controls.textContent), this.byId);
    const messages = this.byId("agent-messages");
    this.agent = messages && new AgentFields(JSON.parse(messages.textContent), this.byId);
  }

  // The page shows what is so, not what was asked for.
  show(call) {
    this.muted = Boolean(call?.muted);
    const dialog = this.byId("act-mute");
    if (!dialog) return;
    const part = (name) => dialog.querySelector(`[data-f="${name}"]`);
    const [title, help] = this.muted
      ? [gettext("Let the bot speak again"), gettext("The caller hears the bot again from its next line on.")]
      : [gettext("Mute the bot"), gettext("The caller hears nothing of the bot until it may speak again.")];
    setText(part("title"), title);
    setText(part("help"), help);
    setText(part("button"), this.muted ? gettext("Resume it") : gettext("Mute it"));
    setText(document.querySelector('[data-f="mute-title"]'), this.muted ? gettext("Resume bot") : gettext("Mute bot"));
  }

  event({ name, detail }) {
    if (name === "parameters") this.field?.changed(detail);
  }

  answer({ id, status, detail }) {
    const line = this.pending.get(id);
    if (!line) return;
    this.#tell(line, status, detail);
    if (status !== "accepted") this.pending.delete(id);
  }

  disconnected() {
    this.#giveUp(gettext("the connection was lost; what came of it is in the events of the call"));
  }

  ended() {
    for (const dialog of document.querySelectorAll('dialog[id^="act-"][open]')) dialog.close();
    for (const button of document.querySelectorAll(".steer .acts button")) {
      button.disabled = true;
      button.title = gettext("The call has ended");
    }
  }

  #click(target) {
    const opens = target.closest("[data-opens]");
    if (opens) this.byId(opens.dataset.opens)?.showModal();
    if (target.closest("[data-closes]")) target.closest("dialog").close();
    const unfolds = target.closest("[data-unfolds]");
    if (unfolds) {
      const open = this.byId(unfolds.dataset.unfolds).classList.toggle("open");
      unfolds.setAttribute("aria-expanded", String(open));
    }
    for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
  }

  #submit(event) {
    const form = event.target.closest("form[data-do]");
    if (!form) return;
    event.preventDefault();
    const steer = this.#read(form);
    if (!steer) return;
    const id = `c${(this.count += 1)}`;
    const line = this.#line(steer);
    this.pending.set(id, { line, form, at: Date.now() });
    const reason = new FormData(form).get("reason").trim();
    const sent = feed.send({ t: "cmd", id, call: this.call, reason, steer });
    if (sent) this.#tell(this.pending.get(id), "sent", "");
    else this.answer({ id, status: "failed", detail: gettext("there is no connection to the gateway") });
    form.closest("dialog").close();
  }

  #read(form) {
    const fields = new FormData(form);
    const text = (name) => (fields.get(name) ?? "").trim();
    const does = form.dataset.do;
    if (does === "set") return this.field.read();
    if (does === "agent") return this.agent.read();
    const rest = {
      hangup: () => ({}),
      transfer: () => ({ target: text("target") }),
      say: () => ({ text: text("text"), interrupt: fields.has("interrupt") }),
      message: () => ({ text: text("text") }),
      mute: () => ({ on: !this.muted }),
    }[does]();
    return { do: does, ...rest };
  }

  #line(steer) {
    const list = this.byId("outcomes");
    const line = document.createElement("li");
    const title = document.createElement("strong");
    const status = document.createElement("span");
    const detail = document.createElement("span");
    title.textContent = titles[steer.do](steer);
    title.dir = "auto";
    status.className = "chip status";
    line.append(title, status, detail);
    list.prepend(line);
    while (list.children.length > SHOWN) list.lastElementChild.remove();
    return line;
  }

  #tell({ line, form, at }, status, detail) {
    line.dataset.status = status;
    const [, chip, words] = line.children;
    setText(chip, states[status]?.() ?? status);
    const after = status === "done" || status === "failed" ? said(gettext("after %(seconds)s s"), { seconds: ((Date.now() - at) / 1_000).toFixed(1) }) : "";
    setText(words, [detail, after].filter(Boolean).join(" · "));
    // What did not work can be tried again without writing it again.
    if (status !== "done") return;
    form.reset();
    if (form.dataset.do === "set") this.field.show();
    if (form.dataset.do === "agent") this.agent.show();
  }

  #giveUp(detail) {
    for (const id of [...this.pending.keys()]) this.answer({ id, status: "failed", detail });
  }
}
