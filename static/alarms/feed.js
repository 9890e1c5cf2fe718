// News of alarms: one WebSocket a page, or a look every few seconds while there is none. Events:
// "alarms" (detail: the tally, see alarms/core/tally.py), "link" (whether the gateway is heard).
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
const POLL_MS = 5_000;
const SILENCE_MS = 45_000;
const SIGNED_OUT = 4401;
const NOT_PERMITTED = 4403;

class AlarmFeed extends EventTarget {
  heardAt = Date.now(); // when the gateway last said anything
  isHeard = true;
  #url = "";
  #state = "";
  #socket = null;
  #retry = FIRST_RETRY_MS;
  #openedAt = 0;

  start(path, state) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#url = `${scheme}//${location.host}${path}`;
    this.#state = state;
    this.#connect();
    setInterval(() => this.#watchSilence(), 5_000);
    setInterval(() => this.#poll(), POLL_MS);
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#openedAt = Date.now();
    socket.addEventListener("message", (event) => {
      if (socket !== this.#socket) return;
      this.#hear();
      this.#retry = FIRST_RETRY_MS;
      const frame = JSON.parse(event.data);
      if (frame.t === "alarms") this.#take(frame);
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.#socket) return;
      if (event.code === SIGNED_OUT || event.code === NOT_PERMITTED) location.reload();
      else this.#later();
    });
  }

  // Spread over time, so that pages do not come back to a restarted gateway all at once.
  #later() {
    this.#socket = null;
    setTimeout(() => this.#connect(), this.#retry * (0.5 + Math.random()));
    this.#retry = Math.min(2 * this.#retry, LAST_RETRY_MS);
  }

  #watchSilence() {
    if (!this.#socket || Date.now() - Math.max(this.heardAt, this.#openedAt) < SILENCE_MS) return;
    const socket = this.#socket;
    this.#later();
    socket.close();
  }

  async #poll() {
    if (this.#socket?.readyState === WebSocket.OPEN || document.hidden) return;
    const signal = AbortSignal.timeout(POLL_MS);
    const answer = await fetch(this.#state, { redirect: "error", signal }).catch(() => null);
    const tally = answer?.ok ? await answer.json().catch(() => null) : null;
    if (tally) this.#take(tally);
    else if (Date.now() - this.heardAt > POLL_MS) this.#setHeard(false);
  }

  #take(tally) {
    this.#hear();
    this.dispatchEvent(new CustomEvent("alarms", { detail: tally }));
  }

  #hear() {
    this.heardAt = Date.now();
    this.#setHeard(true);
  }

  #setHeard(isHeard) {
    if (isHeard === this.isHeard) return;
    this.isHeard = isHeard;
    this.dispatchEvent(new Event("link"));
  }
}

export const alarms = new AlarmFeed();
