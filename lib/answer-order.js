"use strict";

/**
 * Which answers are news to a handle: calls overlap, and an older answer may come last.
 *
 * Of two calls that change the sandbox, the one that was begun later wins. A call that only reads says nothing new once a
 * change was taken after it was begun, or the answer of a read that was begun later.
 */
class AnswerOrder {
  #clock = 0;
  #tracks = { state: newTrack(), deadline: newTrack() };

  /** The moment at which a call is begun. */
  begin() {
    return ++this.#clock;
  }

  /** Whether to take what a call says that changed this part (`state` or `deadline`), and was begun then. */
  takesChange(part, begun) {
    const track = this.#tracks[part];
    if (begun < track.changeBegun) return false;
    track.changeBegun = begun;
    track.changedAt = this.begin();
    return true;
  }

  /** Whether to take what a call says about this part that only read it, and was begun then. */
  takesRead(part, begun) {
    const track = this.#tracks[part];
    if (begun < track.changedAt || begun < track.readBegun) return false;
    track.readBegun = begun;
    return true;
  }
}

function newTrack() {
  return { changeBegun: 0, changedAt: 0, readBegun: 0 };
}

module.exports = { AnswerOrder };
