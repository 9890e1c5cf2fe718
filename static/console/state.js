// What a page knows of live calls: a pure fold of the feed's frames (see calls/core/watch.py).

export function empty() {
  return { seq: 0, calls: new Map(), followed: new Map() };
}

export function follow(state, id, since) {
  state.followed.set(id, { last: since, interim: {} });
}

// Applies one frame in place. False: frames are missing or the server asks for it, so that the page
// must ask for a snapshot.
export function apply(state, frame) {
  if (frame.t === "resync") {
    state.seq = frame.seq;
    return false;
  }
  if (frame.t === "hello" || frame.t === "snapshot") {
    state.seq = frame.seq;
  } else if (frame.t !== "hb" && frame.seq !== undefined) {
    if (frame.seq !== state.seq + 1) return false;
    state.seq = frame.seq;
  }
  change[frame.t]?.(state, frame);
  return true;
}

const change = {
  snapshot(state, frame) {
    state.calls = new Map(frame.rows.map((row) => [row.id, { ...state.calls.get(row.id), ...row }]));
  },
  call(state, frame) {
    if (frame.op === "gone") {
      state.calls.delete(frame.id);
    } else {
      state.calls.set(frame.id, { ...state.calls.get(frame.id), id: frame.id, ...frame.f });
    }
  },
  line(state, frame) {
    const call = state.followed.get(frame.id);
    if (!call) return;
    call.last = frame.n;
    delete call.interim[frame.side];
  },
  interim(state, frame) {
    const call = state.followed.get(frame.id);
    if (!call) return;
    if (frame.text) call.interim[frame.side] = frame.text;
    else delete call.interim[frame.side];
  },
};
