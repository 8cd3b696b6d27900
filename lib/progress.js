"use strict";

const { sandboxInfo, timelineOf } = require("./answers.js");
const { notify, takeCallback } = require("./callbacks.js");
const { thrownFor } = require("./errors.js");
const { SandboxAnswer } = require("./sandbox-answer.js");

const READ_ANSWER = { read: SandboxAnswer.read };

/** A SandboxAnswer, of a call that may wait for readiness; it tells the user's `onTimeline`, if there is one, what it sees meanwhile. */
function requestTelling(connection, method, args, options) {
  if (options?.onTimeline === undefined) return connection.request(method, { ...args, options }, READ_ANSWER);
  return tellTimeline(connection, method, args, options);
}

async function tellTimeline(connection, method, args, options) {
  const [onTimeline, fields] = takeCallback(options, "onTimeline", "(event, sandbox) => …");
  const stream = connection.begin(`${method}Telling`, { ...args, options: fields });
  try {
    const { sandbox, replayed } = await stream.result(({ sandbox, events }) => {
      const info = sandboxInfo(sandbox);
      for (const event of timelineOf(events)) notify(onTimeline, event, info);
    });
    return SandboxAnswer.of(sandbox, replayed);
  } catch (failure) {
    connection.settle();
    throw thrownFor(failure, tellTimeline);
  }
}

module.exports = { requestTelling };
