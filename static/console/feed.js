// The live feed: one WebSocket per page. Events: "link" (connection state), "calls" (the set of
// calls may have changed), "frame" (detail: one applied frame).
import { apply, empty, follow } from "./state.js";

const ACK_MS = 2_000;
const HIDDEN_MS = 60_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 10_000;
const SIGNED_OUT = 4401;
const NOT_PERMITTED = 4403;

class Feed extends EventTarget {
  state = empty();
  link = "waiting";
  #url = "";
  #socket = null;
  #retry = FIRST_RETRY_MS;
  #heartbeat = 5_000;
  #heardAt = 0;
  #acked = 0;
  #hiddenAt = null;

  start(path) {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#url = `${scheme}//${location.host}${path}`;
    this.#connect();
    setInterval(() => this.#acknowledge(), ACK_MS);
    setInterval(() => this.#watchSilence(), 1_000);
    document.addEventListener("visibilitychange", () => this.#onVisibility());
  }

  // Ask for the lines of a call after number `since`, over every reconnection until `leave`.
  follow(id, since) {
    follow(this.state, id, since);
    this.send({ t: "sub", call: id, since });
  }

  leave(id) {
    this.state.followed.delete(id);
    this.send({ t: "unsub", call: id });
  }

  // A message that needs no repetition after a reconnection; false when there is no connection.
  send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #connect() {
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.addEventListener("message", (event) => {
      if (socket === this.#socket) this.#takeAll(JSON.parse(event.data));
    });
    socket.addEventListener("close", (event) => {
      if (socket !== this.#socket) return;
      this.#socket = null;
      this.#setLink("waiting");
      if (event.code === SIGNED_OUT || event.code === NOT_PERMITTED) location.reload();
      else this.#later();
    });
  }

  // Spread over time, so that pages do not come back to a restarted gateway all at once.
  #later() {
    setTimeout(() => this.#connect(), this.#retry * (0.5 + Math.random()));
    this.#retry = Math.min(2 * this.#retry, LAST_RETRY_MS);
  }

  // Several frames may come as one array; after a gap the rest of them is of no use.
  #takeAll(told) {
    for (const frame of Array.isArray(told) ? told : [told]) if (!this.#take(frame)) break;
  }

  #take(frame) {
    this.#heardAt = Date.now();
    if (frame.t === "hello") {
      this.#heartbeat = frame.hb * 1_000;
      this.#retry = FIRST_RETRY_MS;
      this.#acked = 0;
    }
    if (!apply(this.state, frame)) {
      this.send({ t: "snapshot" });
      return false;
    }
    if (frame.t === "hb") this.#setLink(frame.stale ? "stale" : "live");
    if (frame.t === "snapshot") {
      this.#setLink("live");
      for (const [id, call] of this.state.followed) this.send({ t: "sub", call: id, since: call.last });
    }
    if (frame.t === "snapshot" || frame.t === "call") this.dispatchEvent(new Event("calls"));
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
    return true;
  }

  #acknowledge() {
    if (this.state.seq > this.#acked) {
      this.#acked = this.state.seq;
      this.send({ t: "ack", seq: this.#acked });
    }
  }

  #watchSilence() {
    if (this.#socket && Date.now() - this.#heardAt > 3 * this.#heartbeat) this.#drop();
  }

  #onVisibility() {
    if (document.hidden) {
      this.#hiddenAt = Date.now();
    } else if (this.#hiddenAt !== null && Date.now() - this.#hiddenAt > HIDDEN_MS) {
      this.send({ t: "snapshot" });
    }
  }

  #drop() {
    const socket = this.#socket;
    this.#socket = null;
    socket.close();
    this.#setLink("waiting");
    this.#later();
  }

  #setLink(link) {
    if (link === this.link) return;
    this.link = link;
    this.dispatchEvent(new Event("link"));
  }
}

export const feed = new Feed();
