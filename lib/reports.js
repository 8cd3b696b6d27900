"use strict";

const { dateOf, hide } = require("./info.js");

function metrics(raw) {
  const { sandboxID, collectedAt, ...numbers } = raw;
  return hide({ sandboxId: sandboxID, collectedAt: dateOf(collectedAt), ...numbers }, "raw", raw);
}

function metricsBatch(raw) {
  const items = Array.isArray(raw.items) ? raw.items.map(metrics) : [];
  return hide(
    { collectedAt: dateOf(raw.collectedAt), items, sandboxes: mapValues(raw.sandboxes, metrics) },
    "raw",
    raw,
  );
}

function logs(raw) {
  const lines = Array.isArray(raw.logs) ? raw.logs : [];
  const dated = lines.map((line) => ({ ...line, timestamp: dateOf(line?.timestamp) }));
  return hide({ ...raw, logs: dated }, "raw", raw);
}

function usageLimits(raw) {
  const limits = { ...raw };
  for (const scope of ["user", "project"]) {
    if (raw[scope]) limits[scope] = { ...raw[scope], limits: mapValues(raw[scope].limits, usageLimit) };
  }
  return hide(limits, "raw", raw);
}

function usageLimit(raw) {
  return { ...raw, resetAt: dateOf(raw?.resetAt) };
}

function observabilitySummary(raw) {
  const { projectID, userID, ...rest } = raw;
  return hide({ projectId: projectID, userId: userID, ...rest }, "raw", raw);
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object ?? {}).map(([name, value]) => [name, change(value)]));
}

module.exports = { logs, metrics, metricsBatch, observabilitySummary, usageLimits };
