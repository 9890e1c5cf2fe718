// One call. While it is active the page follows it; when it has ended the server's record of it
// takes the place of the live view.
import { feed } from "../console/feed.js";
import { Events } from "./events.js";
import { Facts, findParameters } from "./facts.js";
import { Levels } from "./levels.js";
import { Listening } from "./listen.js";
import { Steering } from "./steer.js";
import { Transcript } from "./transcript.js";
import { Waterfalls } from "./waterfall.js";
import { setText } from "./chips.js";
import { side } from "./words.js";

// The record is written up to half a second after the last line was shown.
const RECORD_AFTER_MS = 700;
const NEAR_END_PX = 120;

const byId = (id) => document.getElementById(id);

let root;
let transcript;
let waterfalls;
let facts;
let events;
let levels;
let listening;
const steering = new Steering(byId);

const live = () => root.dataset.state === "active";
const atEnd = () => !transcript || transcript.list.getBoundingClientRect().bottom < innerHeight + NEAR_END_PX;
const toEnd = () => transcript?.list.lastElementChild?.scrollIntoView({ block: "end" });

function tick() {
  const call = feed.state.calls.get(root.dataset.call);
  if (live() && call) facts.tick(call);
}

function changing(change) {
  const follow = atEnd();
  change();
  if (follow) toEnd();
  showJump();
}

function showJump() {
  const jump = byId("jump");
  if (jump) jump.hidden = atEnd() || !live();
}

function ended() {
  listening?.stop(gettext("The call has ended."));
  levels?.stop();
  steering.ended();
  setTimeout(() => htmx.trigger(root, "console:call-ended"), RECORD_AFTER_MS);
}

const take = {
  snapshot: tick,
  call(frame) {
    if (frame.op === "gone") {
      ended();
      return;
    }
    facts.show(frame.f);
    steering.show(feed.state.calls.get(frame.id));
    tick();
  },
  line(frame) {
    changing(() => transcript?.add(frame));
    if (frame.kind === "speech") setText(byId("spoken"), `${side(frame.side)}: ${frame.text}`);
  },
  turn: (frame) => waterfalls?.add(frame),
  interim: (frame) => changing(() => transcript?.interim(frame.side, frame.text)),
  event(frame) {
    events?.add(frame);
    facts.event(frame);
    steering.event(frame);
  },
  level: (frame) => levels?.add(frame),
};

function begin() {
  const found = byId("call");
  if (found === root) return;
  root = found;
  const [list, turns, rows, meters, button] = ["talk", "turns", "event-rows", "levels", "listen"].map(byId);
  transcript = list && new Transcript(list);
  waterfalls = turns && new Waterfalls(turns);
  events = rows && new Events(rows);
  facts = new Facts(root);
  findParameters(byId("find"), byId("parameters"), byId("found"));
  if (live()) {
    levels = meters && new Levels(meters, root.dataset.call);
    listening = button && !button.disabled ? new Listening(root.dataset.call, button, byId("hearing")) : null;
    steering.begin(root.dataset.call);
    feed.follow(root.dataset.call, transcript?.last ?? 0);
    if (!location.hash && !atEnd()) toEnd();
  } else {
    levels = listening = null;
    feed.leave(root.dataset.call);
  }
  tick();
}

// Between a line and the waterfall of its turn, both ways.
function showOther(target) {
  const badge = target.closest(".delay");
  if (badge) point(waterfalls?.turnAt(Number(badge.closest("[data-answers]").dataset.answers)));
  const turn = target.closest(".waterfall button.turn");
  if (turn) point(transcript?.answerTo(Number(turn.closest("[data-at]").dataset.at)));
}

function point(element) {
  if (!element) return;
  for (const other of document.querySelectorAll(".pointed")) other.classList.remove("pointed");
  element.classList.add("pointed");
  element.scrollIntoView({ block: "nearest" });
  element.querySelector("button:not([hidden])")?.focus({ preventScroll: true });
}

feed.addEventListener("frame", ({ detail: frame }) => {
  if (frame.t === "cmd") steering.answer(frame);
  else if (frame.t === "snapshot" || frame.id === root.dataset.call) take[frame.t]?.(frame);
});
feed.addEventListener("link", () => {
  if (feed.link !== "live") steering.disconnected();
});
document.addEventListener("htmx:afterSettle", begin);
document.addEventListener("scroll", showJump, { passive: true });
document.addEventListener("click", ({ target }) => {
  if (target.closest("#jump")) toEnd();
  showOther(target);
});
setInterval(tick, 500);
begin();
