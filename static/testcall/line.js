// The line to the gateway: one call over /ws/call/<bot>, over as many sockets as it takes.
// Events: "message" (detail: a frame of the gateway), "audio" (detail: utterance and samples),
// "lost", "back", "over" (detail: why, when the gateway did not say so itself).

const ADDRESS_BYTES = 4;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 2_000;
const PING_MS = 2_000;

export class Line extends EventTarget {
  #url;
  #first;
  #socket = null;
  #token = "";
  #graceMs = 0;
  #lostAt = null;
  #retryMs = FIRST_RETRY_MS;
  #lastLine = 0;
  #over = false;
  #pings = setInterval(() => this.send({ t: "ping", at: performance.now() }), PING_MS);

  constructor(path, first) {
    super();
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.#url = `${scheme}//${location.host}${path}`;
    this.#first = first;
    this.#connect(first);
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  // Audio is worth nothing when it is late: what cannot be sent is dropped.
  sendAudio(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN && this.#lostAt === null) this.#socket.send(frame);
  }

  hangUp() {
    this.send({ t: "hangup" });
    if (this.#socket?.readyState !== WebSocket.OPEN) this.#end("hung-up");
  }

  #connect(opening) {
    const socket = new WebSocket(this.#url);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.addEventListener("open", () => this.send(opening));
    socket.addEventListener("message", ({ data }) => {
      if (this.#over) return;
      if (typeof data === "string") this.#take(JSON.parse(data));
      else this.#hear(data);
    });
    socket.addEventListener("close", ({ code }) => this.#closed(code));
  }

  #hear(data) {
    const utterance = new DataView(data).getUint32(0, true);
    this.#tell("audio", { utterance, audio: data.slice(ADDRESS_BYTES) });
  }

  #take(message) {
    if (message.t === "accepted") this.#accepted(message);
    if (message.t === "line") this.#lastLine = message.n;
    const last = message.t === "ended" || message.t === "refused";
    if (last) this.#stop();
    this.#tell("message", message);
  }

  #accepted(message) {
    this.#token = message.token;
    this.#graceMs = message.grace_ms;
    this.#retryMs = FIRST_RETRY_MS;
    if (this.#lostAt !== null) this.#tell("back");
    this.#lostAt = null;
  }

  #closed(code) {
    if (this.#over) return;
    const refused = code >= 4_000 && code !== 4_503;
    this.#lostAt ??= Date.now();
    if (refused || code === 1_000 || !this.#token || Date.now() - this.#lostAt > this.#graceMs) {
      this.#end(refused ? String(code) : "lost");
      return;
    }
    this.#tell("lost");
    setTimeout(() => this.#again(), this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }

  #again() {
    if (!this.#over) this.#connect({ t: "resume", token: this.#token, since: this.#lastLine });
  }

  #end(why) {
    if (this.#over) return;
    this.#stop();
    // A socket that opens later would place the call that nobody waits for.
    this.#socket?.close();
    this.#tell("over", why);
  }

  #stop() {
    this.#over = true;
    clearInterval(this.#pings);
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}
