"use strict";

const { given } = require("./arguments.js");
const { notify, takeCallback } = require("./callbacks.js");
const { CreateManyError, errorFrom, thrownFor } = require("./errors.js");

/** Creates several sandboxes; `handleOf` makes a handle of an answer. */
async function createMany(standard, count, template, options, handleOf) {
  // createMany(count, {...}): the options come before the template.
  if (options === undefined && typeof template === "object" && template !== null) {
    return await createMany(standard, count, undefined, template, handleOf);
  }
  const [onProgress, fields] = takeCallback(options, "onProgress", "({ created, total }) => …");
  const connection = standard.route(fields);
  const stream = connection.begin("createMany", { count: given(count), template, options: fields });
  const { sandboxes, report } = await resultOf(connection, stream, (progress) => notify(onProgress, progress));
  const created = handlesOf(connection, sandboxes, fields, handleOf);
  const errors = report.errors.map(errorFrom);
  if (report.kept) return { sandboxes: created, errors };
  if (errors.length > 0) throw manyError(report, created, errors);
  return created;
}

/** A handle that can't be made takes the others with it: nobody would get them. */
function handlesOf(connection, sandboxes, options, handleOf) {
  const handles = [];
  try {
    for (const raw of sandboxes) handles.push(handleOf(connection, raw, options));
    return handles;
  } catch (error) {
    connection.discard(
      sandboxes.map(({ sandboxID }) => sandboxID),
      options,
    );
    throw error;
  }
}

async function resultOf(connection, stream, tell) {
  try {
    return await stream.result(tell);
  } catch (failure) {
    connection.settle();
    throw thrownFor(failure, createMany);
  }
}

function manyError(report, created, errors) {
  const error = new CreateManyError(report.message, {
    kind: "create_many",
    retryable: errors.every(({ retryable }) => retryable),
    cause: errors[0],
    errors,
    created: created.map(({ sandboxId }) => sandboxId),
    cleanup: deleteReport(report.cleanup),
  });
  Error.captureStackTrace(error, createMany);
  return error;
}

/** Deletes all sandboxes that the options match. */
async function deleteAll(standard, options) {
  return deleteReport(await standard.call("deleteAll", {}, options));
}

function deleteReport({ deleted, failed }) {
  return { deleted, failed: failed.map(({ sandboxId, record }) => ({ sandboxId, error: errorFrom(record) })) };
}

module.exports = { createMany, deleteAll };
