// A tool for a model: a name, a JSON Schema and a function, as every provider takes them. The model writes Python, the tool
// runs it in a sandbox that keeps variables from call to call, and what goes wrong is told to the model, which tries again.
import { Sandbox } from "sandbar";

/** Characters of each part that the model is shown. */
const MOST = 4_000;

/** @typedef {{ type: "text", text: string } | { type: "image", mediaType: string, data: string }} Part */

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
    /**
     * @param {unknown} input - What the model sent: anything at all.
     * @returns {Promise<Part[]>} What the model is told, never an exception.
     */
    async execute(input) {
      const { code } = /** @type {{ code?: unknown }} */ (input ?? {});
      if (typeof code !== "string") return [{ type: "text", text: "Error: `code` must be a string." }];
      return partsOf(await sandbox.runCode(code, { timeoutMs: 10_000 }));
    },
  };
}

/**
 * What was printed, the values that were shown, what went wrong, and images: a model that sees only the last value misses the rest.
 *
 * @param {import("sandbar").CodeExecution} execution
 * @returns {Part[]}
 */
function partsOf({ logs, results, error }) {
  const problem = error && (error.traceback || `${error.name}: ${error.message}`);
  const texts = [logs.stdout.join(""), logs.stderr.join(""), ...results.map(({ text }) => text), problem];
  const shown = texts.filter((text) => text !== undefined && text !== "").map((text) => cut(String(text).trimEnd()));
  /** @type {Part[]} */
  const parts = [{ type: "text", text: shown.join("\n") || "(nothing was shown)" }];
  for (const { png, jpeg } of results) {
    if (png !== undefined) parts.push({ type: "image", mediaType: "image/png", data: png });
    else if (jpeg !== undefined) parts.push({ type: "image", mediaType: "image/jpeg", data: jpeg });
  }
  return parts;
}

/** @param {string} text */
function cut(text) {
  return text.length > MOST ? `${text.slice(0, MOST)}\n(cut off)` : text;
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
  if (last.includes("NameError"))
    return { call: { code: "print(len(temperatures), 'days')\nsum(temperatures) / len(temperatures)" } };
  return { text: `On average, of ${last.replace("\n", ", ")} degrees.` };
}

await Sandbox.with("base", { timeout: 300, waitReady: true }, async (sandbox) => {
  const tool = runPython(sandbox);
  console.log(`the model may call ${tool.name}(${Object.keys(tool.parameters.properties)})`);
  /** @type {string[]} */
  const answers = [];
  for (let turn = 1; turn <= 5; turn += 1) {
    const reply = fakeModel(answers);
    if ("text" in reply) return console.log(reply.text);
    const parts = await tool.execute(reply.call);
    const answer = parts.map((part) => (part.type === "text" ? part.text : `(${part.mediaType})`)).join("\n");
    console.log(`${tool.name} says: ${answer.trim().split("\n").at(-1)}`);
    answers.push(answer);
  }
});
