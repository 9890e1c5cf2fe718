// Changes the sample rate of a stream by a windowed sinc; runs inside the audio worklets.

const ZEROS = 16;
const STEPS = 256;

// Half of the kernel, in steps of 1/STEPS of a zero crossing (Blackman window).
function kernel() {
  const half = new Float32Array(ZEROS * STEPS + 1);
  for (let i = 0; i < half.length; i += 1) {
    const x = i / STEPS;
    const phase = (Math.PI * x) / ZEROS;
    const window = 0.42 + 0.5 * Math.cos(phase) + 0.08 * Math.cos(2 * phase);
    half[i] = x === 0 ? 1 : (window * Math.sin(Math.PI * x)) / (Math.PI * x);
  }
  return half;
}

const KERNEL = kernel();

export class Resampler {
  #step;
  #scale;
  #reach;
  #held = new Float32Array(0);
  #position;

  constructor(from, to) {
    this.#step = from / to;
    this.#scale = Math.min(1, to / from);
    this.#reach = Math.ceil(ZEROS / this.#scale);
    this.#held = new Float32Array(this.#reach);
    this.#position = this.#reach;
  }

  // The samples that `input` completes; what it cannot complete yet is held.
  push(input) {
    if (this.#step === 1) return input;
    const all = new Float32Array(this.#held.length + input.length);
    all.set(this.#held);
    all.set(input, this.#held.length);
    const made = [];
    while (this.#position + this.#reach < all.length) {
      made.push(this.#at(all, this.#position));
      this.#position += this.#step;
    }
    const done = Math.max(0, Math.floor(this.#position) - this.#reach);
    this.#held = all.slice(done);
    this.#position -= done;
    return Float32Array.from(made);
  }

  #at(samples, position) {
    const first = Math.ceil(position - this.#reach);
    const last = Math.floor(position + this.#reach);
    let sum = 0;
    for (let i = Math.max(0, first); i <= last; i += 1) {
      const place = Math.abs(i - position) * this.#scale * STEPS;
      if (place < KERNEL.length) sum += samples[i] * KERNEL[Math.round(place)];
    }
    return sum * this.#scale;
  }
}
