// The log of a sandbox, line by line as it is written.
import { Sandbox } from "sandbar";

const sandbox = await Sandbox.create("base", { waitReady: true });
const counting = fetch(`${sandbox.envdUrl}/run`, {
  method: "POST",
  headers: { "content-type": "application/json", "x-access-token": sandbox.envdAccessToken ?? "" },
  body: JSON.stringify({ cmd: "for n in 1 2 3; do echo line $n; sleep 0.3; done; echo done" }),
});

for await (const { timestamp, level, message } of sandbox.logs({ follow: true })) {
  console.log(timestamp?.toISOString(), level, message);
  if (message === "done") break;
}

await counting;
await sandbox.delete();
