// Audio worklet: the microphone as 20 ms frames of 16-bit samples at 16 kHz, with their level.
import { Resampler } from "./resampler.js";

const RATE = 16_000;
const FRAME = 320;

class Capture extends AudioWorkletProcessor {
  #resampler = new Resampler(sampleRate, RATE);
  #frame = new Int16Array(FRAME);
  #filled = 0;
  #energy = 0;
  #muted = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      this.#muted = data.muted;
    };
  }

  // A muted microphone sends silence: the stream, and the recogniser's sense of time, go on.
  process([input]) {
    const channel = input[0];
    if (!channel) return true;
    for (const sample of this.#resampler.push(channel)) this.#take(this.#muted ? 0 : sample);
    return true;
  }

  #take(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.#frame[this.#filled] = Math.round(clipped * 32_767);
    this.#energy += clipped * clipped;
    this.#filled += 1;
    if (this.#filled < FRAME) return;
    const level = Math.sqrt(this.#energy / FRAME);
    this.port.postMessage({ frame: this.#frame.buffer, level }, [this.#frame.buffer]);
    this.#frame = new Int16Array(FRAME);
    this.#filled = 0;
    this.#energy = 0;
  }
}

registerProcessor("capture", Capture);
