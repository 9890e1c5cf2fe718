// Microphone and loudspeaker of one call. Events: "frame" (detail: 20 ms of audio and its level),
// "played" (detail: what the loudspeaker did).

const RATE = 16_000;
const KEY_MS = 140;
const KEY_LEVEL = 0.12;
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477];
const KEYS = "123456789*0#";

export class Sound extends EventTarget {
  #context;
  #stream;
  #capture;
  #playback;

  // Asks for the microphone; rejects with the browser's own error when there is none to be had.
  static async open(modules) {
    const sound = new Sound();
    sound.#stream = await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
    try {
      const source = sound.#source();
      await Promise.all(modules.map((url) => sound.#context.audioWorklet.addModule(url)));
      await sound.#context.resume();
      sound.#connect(source);
    } catch (error) {
      await sound.close();
      throw error;
    }
    return sound;
  }

  // Firefox cannot bring a microphone into a context of another rate; there the worklets resample.
  #source() {
    try {
      this.#context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
      return this.#context.createMediaStreamSource(this.#stream);
    } catch {
      this.#context?.close();
      this.#context = new AudioContext({ latencyHint: "interactive" });
      return this.#context.createMediaStreamSource(this.#stream);
    }
  }

  #connect(source) {
    this.#capture = new AudioWorkletNode(this.#context, "capture", { numberOfOutputs: 0 });
    this.#playback = new AudioWorkletNode(this.#context, "playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    this.#capture.port.onmessage = ({ data }) => this.#tell("frame", data);
    this.#playback.port.onmessage = ({ data }) => this.#tell("played", data);
    source.connect(this.#capture);
    this.#playback.connect(this.#context.destination);
  }

  #tell(kind, detail) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }

  // From a sample in the worklet to the ear, as far as the browser knows.
  get outputMs() {
    return 1_000 * ((this.#context.baseLatency || 0) + (this.#context.outputLatency || 0));
  }

  get rate() {
    return this.#context.sampleRate;
  }

  play(utterance, audio) {
    this.#playback.port.postMessage({ utterance, audio }, [audio]);
  }

  end(utterance) {
    this.#playback.port.postMessage({ end: utterance });
  }

  flush(utterance) {
    this.#playback.port.postMessage({ flush: utterance });
  }

  drop() {
    this.#playback.port.postMessage({ drop: true });
  }

  mute(muted) {
    this.#capture.port.postMessage({ muted });
  }

  key(digit) {
    const place = KEYS.indexOf(digit);
    if (place < 0) return;
    const gain = new GainNode(this.#context, { gain: KEY_LEVEL });
    gain.connect(this.#context.destination);
    for (const frequency of [ROWS[Math.floor(place / 3)], COLUMNS[place % 3]]) {
      const tone = new OscillatorNode(this.#context, { frequency });
      tone.connect(gain);
      tone.start();
      tone.stop(this.#context.currentTime + KEY_MS / 1_000);
    }
  }

  async close() {
    for (const track of this.#stream.getTracks()) track.stop();
    if (this.#context && this.#context.state !== "closed") await this.#context.close();
  }
}
