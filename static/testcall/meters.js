// Level meters: decibels below full scale on a bar, falling slowly enough to be read.

const FLOOR_DB = -54;
const FALL = 0.8;

export class Meter {
  #bar;
  #shown = 0;

  constructor(svg) {
    this.#bar = svg.querySelector(".value");
  }

  // `level` is the root mean square of samples between -1 and 1.
  show(level) {
    const db = level > 0 ? 20 * Math.log10(level) : FLOOR_DB;
    const height = Math.max(0, Math.min(100, (100 * (db - FLOOR_DB)) / -FLOOR_DB));
    this.#shown = Math.max(height, this.#shown * FALL);
    this.#bar.setAttribute("width", this.#shown.toFixed(1));
  }

  // Nothing follows that it could fall by.
  rest() {
    this.#shown = 0;
    this.#bar.setAttribute("width", "0");
  }
}
