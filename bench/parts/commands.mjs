// Commands and code in sandboxes of the local engine.
import { measureCommands } from "../commands.mjs";

export const title = "Commands";

export async function run() {
  return { rows: await measureCommands() };
}

export function tables({ rows }) {
  return [
    { caption: "sequential, streamed, code: one after the other; concurrent: all at once over 10 sandboxes", rows },
  ];
}
