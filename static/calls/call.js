// One call. While it is active the page follows it; when it has ended the server's record of it
// takes the place of the live view.
import { feed } from "../console/feed.js";
import { setText, showDuration, showState } from "./chips.js";
import { Transcript } from "./transcript.js";
import { Waterfalls } from "./waterfall.js";

// The record is written up to half a second after the last line was shown.
const RECORD_AFTER_MS = 700;
const NEAR_END_PX = 120;

let root;
let transcript;
let waterfalls;

const part = (name) => root.querySelectorAll(`[data-f="${name}"]`);
const atEnd = () => !transcript || transcript.list.getBoundingClientRect().bottom < innerHeight + NEAR_END_PX;
const toEnd = () => transcript?.list.lastElementChild?.scrollIntoView({ block: "end" });

function showCall(call) {
  for (const name of ["caller", "callee"]) if (call[name]) for (const element of part(name)) setText(element, call[name]);
  if (call.turns !== undefined) for (const element of part("turns")) setText(element, String(call.turns));
  tick();
}

function tick() {
  if (root?.dataset.state !== "active") return;
  const call = feed.state.calls.get(root.dataset.call);
  if (call) showState(document.getElementById("state"), call);
  for (const element of part("duration")) showDuration(element);
}

function changing(change) {
  const follow = atEnd();
  change();
  if (follow) toEnd();
  showJump();
}

function showJump() {
  const jump = document.getElementById("jump");
  if (jump) jump.hidden = atEnd() || root.dataset.state !== "active";
}

const take = {
  snapshot() {
    tick();
  },
  call(frame) {
    if (frame.op === "gone") setTimeout(() => htmx.trigger(root, "console:call-ended"), RECORD_AFTER_MS);
    else showCall(frame.f);
  },
  line(frame) {
    changing(() => transcript?.add(frame));
    announce(frame);
  },
  turn(frame) {
    waterfalls?.add(frame);
  },
  interim(frame) {
    changing(() => transcript?.interim(frame.side, frame.text));
  },
};

function announce(line) {
  if (line.kind === "speech") setText(document.getElementById("spoken"), `${line.side}: ${line.text}`);
}

function begin() {
  root = document.getElementById("call");
  const list = document.getElementById("talk");
  transcript = list && new Transcript(list);
  const turns = document.getElementById("turns");
  waterfalls = turns && new Waterfalls(turns);
  if (root.dataset.state === "active") {
    feed.follow(root.dataset.call, transcript?.last ?? 0);
    if (!location.hash && !atEnd()) toEnd();
  } else {
    feed.leave(root.dataset.call);
  }
  tick();
}

feed.addEventListener("frame", ({ detail: frame }) => {
  if (frame.t === "snapshot" || frame.id === root.dataset.call) take[frame.t]?.(frame);
});
document.addEventListener("htmx:afterSettle", begin);
document.addEventListener("scroll", showJump, { passive: true });
document.addEventListener("click", (event) => {
  if (event.target.closest("#jump")) toEnd();
});
setInterval(tick, 500);
begin();
