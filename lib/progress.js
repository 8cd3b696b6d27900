"use strict";

const { sandboxInfo, timelineOf } = require("./answers.js");
const { notify, takeCallback } = require("./callbacks.js");
const { thrownFor } = require("./errors.js");

/** A call that may wait for readiness; it tells the user's `onTimeline`, if there is one, what it sees meanwhile. */
async function requestTelling(connection, method, { options, ...args }) {
  const [onTimeline, fields] = takeCallback(options, "onTimeline", "(event, sandbox) => …");
  if (onTimeline === undefined) return await connection.request(method, { ...args, options });
  const stream = connection.begin(`${method}Telling`, { ...args, options: fields });
  try {
    for (;;) {
      const { result, sandbox, events } = JSON.parse(await stream.next());
      if (result !== undefined) return result;
      const info = sandboxInfo(sandbox);
      for (const event of timelineOf(events)) notify(onTimeline, event, info);
    }
  } catch (failure) {
    connection.settle();
    throw thrownFor(failure, requestTelling);
  }
}

module.exports = { requestTelling };
