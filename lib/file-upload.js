"use strict";

const { Aborted } = require("./aborted.js");
const { thrownFor } = require("./errors.js");
const { bytesOf } = require("./file-data.js");
const { settled } = require("./outcomes.js");
const { onAbort } = require("./signal.js");

const OVER = Symbol("the upload is over");

/** Sends what a source gives as a file, no faster than it is taken. Whoever fails first ends the other. */
async function sendFile(runtime, args, source, options) {
  let wake = () => {};
  let leave = () => {};
  let writer;
  try {
    const begun = runtime.begin(args, options, (native, text) => native.writer(text));
    writer = begun.native;
    const { signal } = begun;
    leave = onAbort(signal, () => writer.abort());
    // Settled as soon as the service has answered, or the connection is lost: that may be long before the source ends.
    const outcome = settled((place) => writer.outcome(place)).then(
      (text) => ({ info: JSON.parse(text) }),
      (failure) => ({ failure: signal?.aborted ? new Aborted(signal) : failure }),
    );
    outcome.then(() => wake(OVER));
    const orOver = (step) =>
      new Promise((resolve, reject) => {
        wake = resolve;
        step.then(resolve, reject);
      });
    await feed(source, writer, orOver);
    const { info, failure } = await outcome;
    if (failure === undefined) return info;
    throw thrownFor(failure, sendFile);
  } catch (error) {
    writer?.abort();
    source.cancel(error);
    throw error;
  } finally {
    leave();
  }
}

async function feed(source, writer, orOver) {
  for (;;) {
    const step = await orOver(source.next());
    if (step === OVER) return;
    if (step.done) break;
    if (!(await write(writer, bytesOf(step.value)))) return;
  }
  writer.end();
}

function write(writer, bytes) {
  return settled((place) => writer.write(place, bytes));
}

module.exports = { sendFile };
