// Two level meters, twelve seconds wide; the gateway measures only while somebody looks.
import { feed } from "../console/feed.js";
import { setText } from "./chips.js";

const ASK_MS = 5_000;
const STEP_MS = 200;
const SHOWN = 60;
const SPEAKING = 8;
const STALE_MS = 4_000;

export class Levels {
  constructor(box, call) {
    this.call = call;
    this.heardAt = 0;
    this.sides = [...box.querySelectorAll(".level")].map((element) => ({
      key: { caller: "u", bot: "b" }[element.dataset.side],
      canvas: element.querySelector("canvas"),
      words: element.querySelector('[data-f="level"]'),
      waiting: [],
      shown: new Array(SHOWN).fill(0),
    }));
    this.timers = [setInterval(() => this.#ask(), ASK_MS), setInterval(() => this.#step(), STEP_MS)];
    feed.addEventListener("link", () => this.#ask());
    this.#ask();
  }

  add(frame) {
    this.heardAt = Date.now();
    // What came late is dropped, so that the picture is never behind the sound.
    for (const each of this.sides) each.waiting = [...each.waiting, ...frame[each.key]].slice(-10);
  }

  stop() {
    for (const timer of this.timers) clearInterval(timer);
  }

  #ask() {
    if (!document.hidden && feed.link === "live") feed.send({ t: "meter", call: this.call });
  }

  #step() {
    const stale = Date.now() - this.heardAt > STALE_MS;
    for (const each of this.sides) {
      each.shown.push(each.waiting.shift() ?? 0);
      each.shown.shift();
      const speaking = each.shown.slice(-4).some((level) => level > SPEAKING);
      setText(each.words, stale ? gettext("not measured") : speaking ? gettext("speaking") : gettext("quiet"));
      draw(each.canvas, each.shown);
    }
  }
}

function draw(canvas, levels) {
  const { width, height } = canvas;
  const paper = canvas.getContext("2d");
  const step = width / levels.length;
  paper.clearRect(0, 0, width, height);
  paper.fillStyle = getComputedStyle(canvas).color;
  for (const [index, level] of levels.entries()) {
    const tall = Math.max(2, (Math.min(level, 100) / 100) * height);
    paper.fillRect(index * step, (height - tall) / 2, step - 2, tall);
  }
}
