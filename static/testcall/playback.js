// Audio worklet: plays the bot's audio, drops it exactly on a flush, and tells what was played.
//
// To it: { utterance, audio } (16-bit samples at 16 kHz), { end: utterance }, { flush: utterance },
// { drop: true } (what waits will be sent again).
// From it, ten times a second and at every end: { utterance, ms, waitingMs, gaps, level, playing }.
import { Resampler } from "./resampler.js";

const RATE = 16_000;
const FIRST_MS = 40;
const AFTER_GAP_MS = 80;
const FADE_SAMPLES = Math.round(sampleRate * 0.004);
const REPORT_SAMPLES = Math.round(sampleRate / 10);

class Playback extends AudioWorkletProcessor {
  #queue = [];
  #resampler = new Resampler(RATE, sampleRate);
  #utterance = -1;
  #played = 0;
  #position = 0;
  #ended = -1;
  #flushed = -1;
  #flowing = false;
  #needMs = FIRST_MS;
  #gaps = 0;
  #tail = [];
  #energy = 0;
  #sinceReport = 0;
  #wasPlaying = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => this.#told(data);
  }

  #told({ utterance, audio, end, flush, drop }) {
    if (audio && utterance > this.#flushed) {
      const pcm = Float32Array.from(new Int16Array(audio), (sample) => sample / 32_768);
      const samples = this.#resampler.push(pcm);
      if (samples.length) this.#queue.push({ utterance, samples });
    } else if (end !== undefined) {
      this.#ended = Math.max(this.#ended, end);
    } else if (flush !== undefined) {
      this.#flushed = Math.max(this.#flushed, flush);
      this.#cut((chunk) => chunk.utterance > this.#flushed);
    } else if (drop) {
      this.#cut(() => false);
    }
  }

  #cut(keep) {
    // A few samples that fade out; a cut in the middle of a wave is heard as a click.
    this.#tail = this.#upcoming(FADE_SAMPLES).map((sample, i) => sample * (1 - i / FADE_SAMPLES));
    this.#queue = this.#queue.filter(keep);
    this.#position = 0;
    this.#flowing = false;
    this.#resampler = new Resampler(RATE, sampleRate);
    this.#report();
  }

  #upcoming(count) {
    const found = [];
    let from = this.#position;
    for (const { samples } of this.#queue) {
      for (let i = from; i < samples.length && found.length < count; i += 1) found.push(samples[i]);
      from = 0;
    }
    return this.#flowing ? found : [];
  }

  get #waiting() {
    return this.#queue.reduce((sum, chunk) => sum + chunk.samples.length, -this.#position);
  }

  process(_inputs, [[output]]) {
    if (!this.#flowing && this.#queue.length) {
      const complete = this.#queue[0].utterance <= this.#ended;
      this.#flowing = complete || this.#waiting >= (this.#needMs * sampleRate) / 1000;
    }
    for (let i = 0; i < output.length; i += 1) {
      const sample = this.#tail.length ? this.#tail.shift() : this.#next();
      output[i] = sample;
      this.#energy += sample * sample;
    }
    this.#sinceReport += output.length;
    if (this.#sinceReport >= REPORT_SAMPLES) this.#report();
    return true;
  }

  #next() {
    if (!this.#flowing) return 0;
    const chunk = this.#queue[0];
    if (chunk === undefined) {
      this.#ranDry();
      return 0;
    }
    if (chunk.utterance !== this.#utterance) {
      this.#utterance = chunk.utterance;
      this.#played = 0;
    }
    const sample = chunk.samples[this.#position];
    this.#position += 1;
    this.#played += 1;
    if (this.#position === chunk.samples.length) {
      this.#queue.shift();
      this.#position = 0;
    }
    return sample;
  }

  #ranDry() {
    this.#flowing = false;
    const late = this.#utterance > this.#ended;
    if (late) this.#gaps += 1;
    this.#needMs = late ? AFTER_GAP_MS : FIRST_MS;
    this.#report();
  }

  #report() {
    const level = this.#sinceReport ? Math.sqrt(this.#energy / this.#sinceReport) : 0;
    this.#sinceReport = 0;
    this.#energy = 0;
    if (!this.#flowing && !this.#wasPlaying) return;
    this.#wasPlaying = this.#flowing;
    this.port.postMessage({
      utterance: this.#utterance,
      ms: (1000 * this.#played) / sampleRate,
      waitingMs: (1000 * this.#waiting) / sampleRate,
      gaps: this.#gaps,
      level: this.#flowing ? level : 0,
      playing: this.#flowing,
    });
  }
}

registerProcessor("playback", Playback);
