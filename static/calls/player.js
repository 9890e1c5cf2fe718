// Runs on the audio thread: plays the two sides of a call beside each other, as they come.

const WAIT_SECONDS = 0.12;
// A listener who fell behind hears the present, not the past.
const KEEP_SECONDS = 0.6;
const REPORT_SECONDS = 0.1;
const OTHER_EAR = 0.45;

class Side {
  constructor() {
    this.chunks = [];
    this.at = 0;
    this.length = 0;
    this.playing = false;
  }

  add(samples) {
    this.chunks.push(samples);
    this.length += samples.length;
    while (this.length > KEEP_SECONDS * sampleRate) this.#drop();
  }

  // The next sample, 0 while there is none.
  next() {
    if (!this.playing) return 0;
    const sample = this.chunks[0][this.at] / 32_768;
    this.at += 1;
    this.length -= 1;
    if (this.at === this.chunks[0].length) {
      this.chunks.shift();
      this.at = 0;
    }
    if (this.length === 0) this.playing = false;
    return sample;
  }

  // Begins once enough has come that a late piece is not heard as a gap.
  begin() {
    if (this.length >= WAIT_SECONDS * sampleRate) this.playing = true;
  }

  #drop() {
    this.length -= this.chunks[0].length - this.at;
    this.chunks.shift();
    this.at = 0;
  }
}

class CallPlayer extends AudioWorkletProcessor {
  constructor() {
    super();
    this.sides = [new Side(), new Side()];
    this.peak = 0;
    this.reportAt = 0;
    this.port.onmessage = ({ data }) => this.sides[data.side]?.add(data.samples);
  }

  process(_inputs, [[left, right]]) {
    for (const side of this.sides) if (!side.playing) side.begin();
    for (let index = 0; index < left.length; index += 1) {
      const [caller, bot] = this.sides.map((side) => side.next());
      left[index] = caller + OTHER_EAR * bot;
      right[index] = bot + OTHER_EAR * caller;
      this.peak = Math.max(this.peak, Math.abs(caller), Math.abs(bot));
    }
    if (currentTime >= this.reportAt) {
      this.port.postMessage(Math.round(100 * Math.sqrt(this.peak)));
      this.reportAt = currentTime + REPORT_SECONDS;
      this.peak = 0;
    }
    return true;
  }
}

registerProcessor("call-player", CallPlayer);
