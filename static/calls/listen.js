// Hearing a live call: a socket of its own, opened by a press of the button and never otherwise.
import { setText } from "./chips.js";
import { said } from "./words.js";

const HEADER_BYTES = 1;

const closed = {
  1000: () => gettext("The call has ended."),
  4401: () => gettext("You are signed out."),
  4403: () => gettext("You may not listen to this call."),
  4404: () => gettext("There is no such call any more."),
  4408: () => gettext("This computer is too slow for the sound."),
};

export class Listening {
  constructor(call, button, bar) {
    this.call = call;
    this.button = button;
    this.bar = bar;
    this.words = bar.querySelector('[data-f="hearing"]');
    this.level = bar.querySelector("meter");
    button.addEventListener("click", () => (this.socket ? this.stop() : this.start()));
    bar.querySelector("#stop-listening").addEventListener("click", () => {
      this.stop();
      button.focus();
    });
    bar.querySelector("#volume").addEventListener("input", ({ target }) => {
      if (this.gain) this.gain.gain.value = target.value / 100;
    });
  }

  start() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/ws/listen/${this.call}`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.#show(gettext("Connecting the sound"), true);
    socket.addEventListener("message", ({ data }) => this.#take(socket, data));
    socket.addEventListener("close", ({ code, reason }) => {
      if (socket !== this.socket) return;
      this.stop(closed[code]?.() ?? said(gettext("The sound has stopped. %(reason)s"), { reason }));
    });
  }

  // Silence at once; `why` stays on the page.
  stop(why = "") {
    if (!this.socket) return;
    const socket = this.socket;
    this.socket = this.player = this.gain = null;
    socket.close();
    this.context?.close();
    this.context = null;
    this.#show(why, false);
  }

  async #take(socket, data) {
    if (typeof data === "string") {
      const frame = JSON.parse(data);
      if (frame.t === "hello") await this.#open(socket, frame.rate_hz);
      return;
    }
    const side = new Uint8Array(data, 0, HEADER_BYTES)[0];
    // A copy, because samples of two bytes may not begin at an odd place.
    const samples = new Int16Array(data.slice(HEADER_BYTES, data.byteLength - ((data.byteLength - HEADER_BYTES) % 2)));
    this.player?.port.postMessage({ side, samples }, [samples.buffer]);
  }

  async #open(socket, rate) {
    const context = new AudioContext({ sampleRate: rate, latencyHint: "interactive" });
    this.context = context;
    await context.audioWorklet.addModule(this.bar.dataset.player);
    await context.resume();
    if (socket !== this.socket) {
      if (context.state !== "closed") context.close();
      return;
    }
    this.gain = new GainNode(context, { gain: this.bar.querySelector("#volume").value / 100 });
    this.player = new AudioWorkletNode(context, "call-player", { numberOfInputs: 0, outputChannelCount: [2] });
    this.player.port.addEventListener("message", ({ data }) => (this.level.value = data));
    this.player.port.start();
    this.player.connect(this.gain).connect(context.destination);
    this.#show(gettext("You hear this call: the caller more on the left, the bot more on the right."), true);
  }

  #show(text, on) {
    this.bar.hidden = !text;
    this.bar.classList.toggle("on", on);
    setText(this.words, text);
    for (const control of this.bar.querySelectorAll("label, meter, #stop-listening")) control.hidden = !on;
    this.level.value = 0;
    this.button.setAttribute("aria-pressed", String(on));
    setText(this.button.querySelector('[data-f="listen-title"]'), on ? gettext("Stop listening") : gettext("Listen"));
  }
}
