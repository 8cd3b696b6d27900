"use strict";

const { SandboxClient } = require("sandbar");

/**
 * Gives a test file a project of its own, without sandboxes: what the file before it in the same worker has left is deleted.
 * Workers run one file at a time.
 */
async function cleanSlate(worker) {
  const { SANDBAR_LOCAL_BASE_URL: baseUrl, SANDBAR_LOCAL_API_KEY: apiKey } = process.env;
  if (!baseUrl) throw new Error("there is no engine: the globalSetup of @sandbar/local has to run before test files");
  const projectId = `worker-${worker}`;
  process.env.SEACLOUD_PROJECT_ID = projectId;
  const client = new SandboxClient({ baseUrl, apiKey, projectId });
  const left = [];
  for await (const { sandboxId } of client.list()) left.push(sandboxId);
  await Promise.all(left.map((sandboxId) => client.kill(sandboxId)));
}

module.exports = { cleanSlate };
