// A sandbox for the time of a callback: it is deleted at the end, whatever happens.
import { Sandbox } from "sandbar";

const onTimeline = (/** @type {import("sandbar").TimelineEvent} */ { phase, status }) => console.log(phase, status);

const answer = await Sandbox.with("base", { waitReady: true, onTimeline }, async ({ envdUrl, envdAccessToken }) => {
  const response = await fetch(`${envdUrl}/run`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-access-token": envdAccessToken ?? "" },
    body: JSON.stringify({ cmd: "uname -a" }),
  });
  return /** @type {{ stdout: string }} */ (await response.json());
});
console.log(answer.stdout.trim());

// With TypeScript 5.2 or Node.js 24 a scope does it: `await using sandbox = await Sandbox.create();`
