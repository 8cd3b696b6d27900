"use strict";

/** A Date; undefined if the server sent nothing, or nothing that is a time. */
function dateOf(text) {
  if (typeof text !== "string") return undefined;
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function timelineOf(events) {
  if (!Array.isArray(events)) return undefined;
  return events.map((event) => ({ ...event, timestamp: dateOf(event?.timestamp) }));
}

/** Adds a property that can be read, but is neither listed, printed nor written as JSON. */
function hide(object, name, value) {
  return Object.defineProperty(object, name, { value, configurable: true, writable: true });
}

/** Only what the server sent: absent and null are both "not known". */
function known(fields) {
  const object = {};
  for (const name of Object.keys(fields)) {
    if (fields[name] !== undefined && fields[name] !== null) object[name] = fields[name];
  }
  return object;
}

/** A sandbox under JavaScript names, with the answer as it came in `raw`. */
function sandboxInfo(raw) {
  const info = known({
    sandboxId: raw.sandboxID,
    templateId: raw.templateID,
    alias: raw.alias,
    clientId: raw.clientID,
    status: raw.status ?? raw.state,
    state: raw.state ?? raw.status,
    startedAt: dateOf(raw.startedAt),
    activatedAt: dateOf(raw.activatedAt),
    endAt: dateOf(raw.endAt),
    cpuCount: raw.cpuCount,
    memoryMB: raw.memoryMB,
    diskSizeMB: raw.diskSizeMB,
    limits: raw.limits,
    metadata: raw.metadata,
    lifecycle: raw.lifecycle,
    timeline: timelineOf(raw.timeline),
    diagnostic: raw.diagnostic,
    envdUrl: raw.envdUrl,
  });
  hide(info, "envdAccessToken", raw.envdAccessToken ?? undefined);
  return hide(info, "raw", raw);
}

function metrics(raw) {
  const { sandboxID, collectedAt, ...numbers } = raw;
  return hide({ sandboxId: sandboxID, collectedAt: dateOf(collectedAt), ...numbers }, "raw", raw);
}

function metricsBatch(raw) {
  const isEntry = (entry) => typeof entry === "object" && entry !== null;
  const items = Array.isArray(raw.items) ? raw.items.filter(isEntry).map(metrics) : [];
  const sandboxes = Object.entries(Object(raw.sandboxes)).filter(([, entry]) => isEntry(entry));
  const named = Object.fromEntries(sandboxes.map(([id, entry]) => [id, metrics(entry)]));
  return hide({ collectedAt: dateOf(raw.collectedAt), items, sandboxes: named }, "raw", raw);
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

module.exports = {
  dateOf,
  hide,
  logs,
  metrics,
  metricsBatch,
  observabilitySummary,
  sandboxInfo,
  timelineOf,
  usageLimits,
};
