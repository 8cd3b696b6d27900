const { existsSync, readFileSync } = require("node:fs");
const path = require("node:path");
const { Sandbox, SandboxClient } = require("..");
const sandbar = require("..");
const { ROOT } = require("./support/child.js");
const { pages } = require("./support/docs/pages.js");
const { realEngine } = require("./support/engine.js");

realEngine();
const CALL = /`[^`\n]*?\b(sandbox|Sandbox|client)\.((?:files|commands|pty|git)\.)?(\w+)\(/g;
const CLASS = /`([A-Z]\w+Error)\b/g;
// Errors of others: of the languages, and of what pages compare with.
const FOREIGN = new Set([
  "AddonError",
  "LocalError",
  "TypeError",
  "TimeoutError",
  "ExitError",
  "NameError",
  "ValueError",
]);

const PLACE =
  /`((?:\.ci|__test__|bench|crates|docs|examples|fuzz|interop|lib|npm|packages|scripts|src|types)\/[\w./-]*)`/g;
// Made by builds and measurements.
const GENERATED = new Set(["bench/node_modules", "bench/results/latest.json"]);
const HIDDEN = new Set(["length", "name", "prototype", "constructor", "toJSON"]);

let things;

beforeAll(async () => {
  const sandbox = await Sandbox.create();
  things = { sandbox, Sandbox, client: new SandboxClient() };
  await sandbox.delete();
});

/** What a page says, without what other packages are called in the first column of a table. */
function textOf(name) {
  const text = readFileSync(path.join(ROOT, name), "utf8");
  return name.includes("migrate-from-") ? text.replace(/^\| [^|]*/gm, "| ") : text;
}

test.each(pages())("the calls that %s names exist", (name) => {
  const named = [...textOf(name).matchAll(CALL)].map(([, thing, part, method]) => ({ thing, part, method }));
  const missing = named.filter(({ thing, part, method }) => {
    const owner = part === undefined ? things[thing] : things[thing][part.slice(0, -1)];
    return typeof owner[method] !== "function";
  });
  expect(missing).toEqual([]);
});

test.each(pages())("the errors that %s names exist", (name) => {
  const named = new Set([...textOf(name).matchAll(CLASS)].map(([, error]) => error));
  expect([...named].filter((error) => !(error in sandbar) && !FOREIGN.has(error))).toEqual([]);
});

test.each(pages())("the files that %s names exist", (name) => {
  const named = [...textOf(name).matchAll(PLACE)].map(([, place]) => place);
  expect(named.filter((place) => !GENERATED.has(place) && !existsSync(path.join(ROOT, place)))).toEqual([]);
});

test("every error is in docs/errors.md", () => {
  const text = readFileSync(path.join(ROOT, "docs", "errors.md"), "utf8");
  const errors = Object.keys(sandbar).filter((name) => name.endsWith("Error"));
  expect(errors.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test("every call of a sandbox is in docs/calls.md", () => {
  const text = readFileSync(path.join(ROOT, "docs", "calls.md"), "utf8");
  const statics = Object.getOwnPropertyNames(Sandbox);
  const methods = Object.getOwnPropertyNames(Sandbox.prototype);
  const calls = [...statics, ...methods].filter((name) => !HIDDEN.has(name));
  expect(calls.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).toEqual([]);
});
