const { runNode } = require("./support/child.js");
const { realEngine } = require("./support/engine.js");

const engine = realEngine();

test("files go in a worker thread, and a stream and a watch that nobody waits for let the process end", async () => {
  const { stdout, stderr, code } = await runNode(["__test__/support/idle-files.mjs"], { env: engine.environment });
  expect({ stdout, stderr, code }).toEqual({ stdout: "8388608 3145728\ntrue function\n", stderr: "", code: 0 });
});
