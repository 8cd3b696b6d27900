// A tool for a model: a name, a JSON Schema and a function, as every provider takes them. The model writes Python, the tool
// runs it in a sandbox that keeps variables from call to call, and what goes wrong is told to the model, which tries again.
import { Sandbox } from "sandbar";

const MOST = 4_000;

/** @param {Sandbox} sandbox */
function runPython(sandbox) {
  return {
    name: "run_python",
    description: "Runs Python. Variables and files last until the end of the conversation. There is no network.",
    parameters: {
      type: "object",
      properties: { code: { type: "string", description: "The code. The value of its last expression is shown." } },
      required: ["code"],
      additionalProperties: false,
    },
    /** @param {unknown} input - What the model sent: anything at all. @returns What the model is told, never an exception. */
    async execute(input) {
      const { code } = /** @type {{ code?: unknown }} */ (input ?? {});
      if (typeof code !== "string") return "Error: `code` must be a string.";
      const { text, error } = await sandbox.runCode(code, { timeoutMs: 10_000 });
      const answer = error ? error.traceback || `${error.name}: ${error.message}` : text || "(nothing was shown)";
      return answer.length > MOST ? `${answer.slice(0, MOST)}\n(cut off)` : answer;
    },
  };
}

/**
 * In place of a model: it calls the tool, reads the answer, and mends its code.
 *
 * @param {string[]} answers - What the tool has said so far.
 * @returns {{ call: { code: string } } | { text: string }}
 */
function fakeModel(answers) {
  const last = answers.at(-1);
  if (last === undefined) return { call: { code: "temperatures = [12, 15, 9]\nsum(temperature) / len(temperatures)" } };
  if (last.includes("NameError")) return { call: { code: "sum(temperatures) / len(temperatures)" } };
  return { text: `On average it was ${last.trim()} degrees.` };
}

await Sandbox.with("base", { timeout: 300, waitReady: true }, async (sandbox) => {
  const tool = runPython(sandbox);
  console.log(`the model may call ${tool.name}(${Object.keys(tool.parameters.properties)})`);
  /** @type {string[]} */
  const answers = [];
  for (let turn = 1; turn <= 5; turn += 1) {
    const reply = fakeModel(answers);
    if ("text" in reply) return console.log(reply.text);
    const answer = await tool.execute(reply.call);
    console.log(`${tool.name} says: ${answer.trim().split("\n").at(-1)}`);
    answers.push(answer);
  }
});
