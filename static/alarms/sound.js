// Two short tones, made here, when something major is raised: this browser's own choice, off at
// first. Of several open pages one sounds.
const ON = "alarm-sound";
const LAST = "alarm-sounded";
const APART_MS = 4_000;
const TONES_HZ = [880, 660];
const TONE_S = 0.16;
const LOUDNESS = 0.2;

class Sound {
  #context = null;

  get on() {
    return localStorage.getItem(ON) === "on";
  }

  set on(wanted) {
    localStorage.setItem(ON, wanted ? "on" : "off");
  }

  // A browser may keep a page silent in which nobody has pressed anything yet.
  play() {
    if (!this.on || Date.now() - Number(localStorage.getItem(LAST)) < APART_MS) return;
    localStorage.setItem(LAST, String(Date.now()));
    this.#beep();
  }

  try() {
    this.#beep();
  }

  async #beep() {
    this.#context ??= new AudioContext();
    const asked = Date.now();
    await this.#context.resume();
    if (Date.now() - asked > APART_MS) return; // the browser waited for a click; that is no news
    const start = this.#context.currentTime + 0.02;
    TONES_HZ.forEach((hz, place) => this.#tone(hz, start + place * TONE_S));
  }

  #tone(hz, at) {
    const [tone, level] = [this.#context.createOscillator(), this.#context.createGain()];
    tone.frequency.value = hz;
    level.gain.setValueAtTime(0, at);
    level.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
    level.gain.setValueAtTime(LOUDNESS, at + TONE_S - 0.02);
    level.gain.linearRampToValueAtTime(0, at + TONE_S);
    tone.connect(level).connect(this.#context.destination);
    tone.start(at);
    tone.stop(at + TONE_S);
  }
}

export const sound = new Sound();
