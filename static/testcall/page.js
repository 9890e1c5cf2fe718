// The page that calls a bot: puts line, sound and what people see together.
import { setText } from "../calls/chips.js";
import { Transcript } from "../calls/transcript.js";
import { said, state } from "../calls/words.js";
import { span } from "../console/time.js";
import { Line } from "./line.js";
import { Log, silence, turnWords } from "./log.js";
import { Meter } from "./meters.js";
import { Sound } from "./sound.js";

const $ = (id) => document.getElementById(id);
const root = $("test");
const chat = root.dataset.mode === "chat";
const transcript = new Transcript($("talk"));
const log = new Log($("happenings"));
const meters = chat ? null : { caller: new Meter($("level-caller")), bot: new Meter($("level-bot")) };
const DRAIN_MS = 1_500;
// States of a call whose transfer is under way: with the bot waiting for the outcome, or without.
const MOVING = ["transferring", "closing"];

let line = null;
let sound = null;
let startedAt = 0;
let delays = [];
let callId = "";
let shownPlaying = false;
let muted = false;

// --- phases ---------------------------------------------------------------------------------------

const phaseWords = {
  idle: () => gettext("Not in a call"),
  asking: () => gettext("Asking for the microphone"),
  connecting: () => gettext("Connecting"),
  lost: () => gettext("Connection lost, trying again"),
  ended: () => gettext("Ended"),
};

function enter(phase) {
  root.dataset.phase = phase;
  const busy = !["idle", "ended"].includes(phase);
  const talking = phase === "talking";
  $("place").hidden = busy;
  $("hang-up").hidden = !busy;
  $("duration").hidden = !talking && phase !== "lost" && phase !== "ended";
  $("caller").disabled = $("callee").disabled = busy;
  for (const key of $("keypad").children) key.disabled = !talking;
  if (chat) $("said").disabled = $("send").disabled = !talking;
  else $("mute").hidden = !talking;
  if (phaseWords[phase]) showState("", phaseWords[phase]());
}

function showState(code, words) {
  $("state").dataset.state = code;
  setText($("state").querySelector('[data-f="state"]'), words);
}

function advise(words) {
  $("advice").hidden = !words;
  setText($("advice"), words);
}

const refusals = {
  NotAllowedError: () =>
    gettext("The microphone was refused. Allow it for this page beside the address of the page, then call again. Or use the text chat."),
  NotFoundError: () => gettext("There is no microphone. Connect one, or use the text chat."),
  NotReadableError: () => gettext("Another program holds the microphone. Close that program, then call again."),
};

const closings = {
  4401: () => gettext("You are signed out. Sign in and call again."),
  4403: () => gettext("Your role does not allow test calls any more."),
  4404: () => gettext("No bot of this name takes calls. It may have been paused or deleted."),
  4408: () => gettext("This browser did not take the audio in time, so the gateway closed the connection."),
  4429: () => gettext("You have too many test calls open. End one of them first."),
  "hung-up": () => gettext("You hung up."),
  lost: () => gettext("The connection to the gateway was lost and did not come back in time."),
};

// --- a call ---------------------------------------------------------------------------------------

async function place() {
  advise("");
  $("result").hidden = true;
  $("talk").replaceChildren();
  delays = [];
  callId = "";
  log.restart();
  if (!chat && !(await openSound())) return;
  enter("connecting");
  line = new Line(root.dataset.socket, {
    t: "call",
    audio: !chat,
    caller: $("caller").value.trim(),
    callee: $("callee").value.trim(),
  });
  line.addEventListener("message", ({ detail }) => take[detail.t]?.(detail));
  line.addEventListener("audio", ({ detail }) => sound?.play(detail.utterance, detail.audio));
  line.addEventListener("lost", lost);
  line.addEventListener("back", () => log.add(gettext("The connection is back"), "good"));
  line.addEventListener("over", ({ detail }) => over((closings[detail] ?? closings.lost)()));
  $("hang-up").focus();
}

function insecure() {
  const words = gettext("Browsers give the microphone only to pages with https, and to localhost. Open this page over https, or through a tunnel as http://localhost:%(port)s.");
  return said(words, { port: location.port || "80" });
}

async function openSound() {
  if (!navigator.mediaDevices) {
    advise(insecure());
    return false;
  }
  enter("asking");
  try {
    sound = await Sound.open([root.dataset.capture, root.dataset.playback]);
  } catch (error) {
    enter("idle");
    const words = refusals[error.name]?.() ?? gettext("The microphone could not be opened: %(problem)s");
    advise(said(words, { problem: error.message }));
    return false;
  }
  sound.addEventListener("frame", heard);
  sound.addEventListener("played", played);
  return true;
}

function heard({ detail: { frame, level } }) {
  meters.caller.show(level);
  if (root.dataset.phase === "talking") line.sendAudio(frame);
}

function played({ detail }) {
  const { utterance, ms, level, playing } = detail;
  meters.bot.show(level);
  root.dataset.played = String(Number(root.dataset.played ?? 0) + (playing ? 1 : 0));
  root.dataset.waitingMs = detail.waitingMs.toFixed(0);
  root.dataset.gaps = detail.gaps;
  line?.send({ t: "played", utterance, ms: Math.max(0, ms - sound.outputMs) });
  if (playing === shownPlaying) return;
  shownPlaying = playing;
  if (!playing) meters.bot.rest();
  setText($("words-bot"), playing ? gettext("speaking") : gettext("silent"));
}

function lost() {
  if (root.dataset.phase !== "lost") log.add(gettext("The connection was lost"), "bad");
  sound?.drop();
  enter("lost");
}

function over(reason) {
  line = null;
  log.add(reason, "end");
  enter("ended");
  setText($("round-trip"), "");
  setText($("result-reason"), reason);
  setText($("result-delays"), delayWords());
  $("record").hidden = !callId || !root.dataset.record;
  if (callId && root.dataset.record) $("record").href = root.dataset.record.replace(/0{8}-[0-]+/, callId);
  $("result").hidden = false;
  $("transfer").hidden = true;
  if (sound) closeSound(sound);
  $("place").focus();
}

// What was sent before the end is still heard.
async function closeSound(closing) {
  sound = null;
  const until = performance.now() + DRAIN_MS;
  while (shownPlaying && performance.now() < until) await new Promise((done) => setTimeout(done, 50));
  await closing.close();
  setText($("words-caller"), gettext("microphone off"));
  setText($("words-bot"), gettext("silent"));
  for (const meter of Object.values(meters)) meter.rest();
}

function delayWords() {
  if (!delays.length) return gettext("The bot answered no turn.");
  const sorted = [...delays].sort((a, b) => a - b);
  const values = { median: sorted[Math.floor((sorted.length - 1) / 2)], slowest: sorted.at(-1), turns: delays.length };
  return said(
    ngettext(
      "%(turns)s answered turn: %(median)s ms of silence before the answer.",
      "%(turns)s answered turns: %(median)s ms of silence before the answer (median), %(slowest)s ms at most.",
      delays.length,
    ),
    values,
  );
}

// --- what the gateway says ------------------------------------------------------------------------

const take = {
  accepted(message) {
    if (!callId) {
      startedAt = Date.now();
      log.add(gettext("The bot took the call"), "good");
      if (sound) setText($("words-caller"), gettext("microphone on"));
      sound?.mute(muted);
    }
    callId = message.call;
    root.dataset.call = callId;
    enter("talking");
    if (chat) $("said").focus();
  },
  refused(message) {
    over(message.reason);
  },
  state(message) {
    if (root.dataset.phase !== "talking" || message.state === $("state").dataset.state) return;
    showState(message.state, state(message.state));
    log.add(state(message.state));
    if (!MOVING.includes(message.state)) $("transfer").hidden = true;
  },
  play(message) {
    if (message.text) follow(() => transcript.interim("bot", message.text));
  },
  stop(message) {
    if (message.flush) {
      sound?.flush(message.utterance);
      log.add(gettext("The prompt was cut off"));
    } else {
      sound?.end(message.utterance);
    }
  },
  heard(message) {
    if (!message.final) follow(() => transcript.interim("caller", message.text));
  },
  voice(message) {
    setText($("words-caller"), message.speaking ? gettext("you are heard") : gettext("microphone on"));
  },
  interim(message) {
    follow(() => transcript.interim(message.side, message.text));
  },
  line(message) {
    follow(() => transcript.add(message));
    if (message.side !== "caller" && message.kind === "speech") setText($("spoken"), message.text);
    if (message.kind === "event") log.add(message.text, "event");
  },
  turn({ times }) {
    const ms = silence(times);
    if (ms !== null) delays.push(ms);
    log.add(turnWords(times), "turn");
  },
  activity(message) {
    log.add(`${message.name} ${JSON.stringify(message.arguments)}`, "event");
    const digits = message.name.toLowerCase() === "senddtmf" ? String(message.arguments.dtmfDigits ?? "") : "";
    [...digits].forEach((digit, i) => setTimeout(() => sound?.key(digit), 220 * i));
  },
  transfer(message) {
    setText($("transfer-target"), message.target);
    setText($("transfer-reason"), message.reason);
    $("transfer").hidden = false;
  },
  ended(message) {
    over(message.reason || message.reason_code);
  },
  pong(message) {
    const ms = Math.round(performance.now() - message.at);
    setText($("round-trip"), said(gettext("round trip %(ms)s ms"), { ms }));
  },
};

// Shows `change` and what it adds, unless the reader has scrolled up.
function follow(change) {
  const view = $("scroll");
  const atEnd = view.scrollHeight - view.scrollTop - view.clientHeight < 80;
  change();
  if (atEnd) view.scrollTop = view.scrollHeight;
}

// --- what the tester does -------------------------------------------------------------------------

function press(digit) {
  if (root.dataset.phase !== "talking") return;
  line.send({ t: "dtmf", digits: digit });
  sound?.key(digit);
  const key = $("keypad").querySelector(`[data-key="${CSS.escape(digit)}"]`);
  key.classList.add("pressed");
  setTimeout(() => key.classList.remove("pressed"), 140);
}

$("place").addEventListener("click", place);
$("hang-up").addEventListener("click", () => {
  if (line) line.hangUp();
  else if (sound) over(closings["hung-up"]());
});
$("keypad").addEventListener("click", ({ target }) => {
  if (target.dataset.key) press(target.dataset.key);
});
$("phone").addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^[0-9*#]$/.test(event.key)) press(event.key);
});
$("mute")?.addEventListener("click", ({ currentTarget }) => {
  muted = !muted;
  currentTarget.setAttribute("aria-pressed", String(muted));
  sound?.mute(muted);
  log.add(muted ? gettext("You muted the microphone") : gettext("The microphone is on again"));
});
$("transfer").addEventListener("click", ({ target }) => {
  const { outcome } = target.closest("button")?.dataset ?? {};
  if (!outcome) return;
  line?.send({ t: "transferred", outcome });
  $("transfer").hidden = true;
});
$("composer")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("said").value.trim();
  if (!text) return;
  line?.send({ t: "say", text });
  $("said").value = "";
});
addEventListener("pagehide", () => line?.hangUp());
setInterval(() => {
  if (root.dataset.phase === "talking") setText($("duration"), span(Date.now() - startedAt));
}, 250);
enter("idle");
$("place").disabled = !("usable" in $("place").dataset);
if (!chat && !navigator.mediaDevices) advise(insecure());
