const { blocksOf } = require("./support/docs/blocks.js");
const { brokenLinks } = require("./support/docs/links.js");
const { Page } = require("./support/docs/page.js");
const { realEngine } = require("./support/engine.js");

const engine = realEngine();
const FENCE = "```";

let page;

beforeEach(async () => {
  page = await Page.open("page.md", engine);
});

afterEach(() => page.close());

/** Uses the blocks of a page, one after the other. */
async function use(text) {
  for (const block of blocksOf(text)) await page.use(block);
}

function fenced(language, code, comment = "") {
  return `${comment}\n${FENCE}${language}\n${code}\n${FENCE}\n`;
}

test.each([
  ["a block without a language", fenced("", "x"), /not tested by anything/],
  ["a language that nothing tests", fenced("cobol", "x"), /in `cobol` is not tested by anything/],
  ["a program that throws, at the page's line", fenced("js", "\nno.such()"), /page\.md:4\b/],
  ["a call that the service refuses", fenced("js", 'await Sandbox.create("nothing");'), /nothing/],
  ["an option that there is not", fenced("js", "await Sandbox.create({ timeoutMs: 1 });"), /ValidationError/],
  ["TypeScript that is none", fenced("ts", "const x: = 1;"), /TS\d+/],
  ["types that do not fit", fenced("ts", 'const id: number = "sb";\nconsole.log(id);'), /TS2322/],
  ["a command that fails", fenced("sh", "ls nowhere"), /code \d/],
  ["an installed package that .ci/run does not know", fenced("sh", "apt-get install emacs"), /emacs/],
  ["a script that there is not", fenced("sh", "npm run nothing"), /nothing/],
  ["a transcript that shows what is not printed", fenced("console", "$ echo one\ntwo"), /one/],
  ["a transcript whose command fails and shows nothing", fenced("console", "$ false"), /code 1/],
  ["a transcript that says it is no code", fenced("text", "$ echo one\none"), /console/],
  ["an output that is not printed", fenced("js", "console.log(1)") + fenced("text", "2", "<!-- output -->"), /shows/],
  ["JSON that is none", fenced("json", "{,}"), /JSON/],
  [
    "an answer without what it must have",
    fenced("json", '{ "status": "ok" }', "<!-- answer: Sandbox -->"),
    /sandboxID/,
  ],
  ["an answer with what it has not", fenced("json", '{ "sort": 1 }', "<!-- answer: CreateOptions -->"), /sort/],
  ["a template with an unknown field", fenced("toml", "# templates/tpl-x.toml\nmemory = 1"), /memory/],
  [
    "a template that does not start",
    fenced("toml", '# templates/tpl-x.toml\nstart_command = "false"'),
    /start command/,
  ],
  ["a workflow that is none", fenced("yaml", "on: push\njobs: {}"), /job/],
])("%s is found", async (_what, text, complaint) => {
  await expect(use(text)).rejects.toThrow(complaint);
});

test("a file that no command uses is found", async () => {
  await use(fenced("js", '// app.mjs\nconsole.log("hello");'));
  expect(page.unusedFiles).toEqual(["app.mjs"]);
  await use(fenced("console", "$ node app.mjs\nhello"));
  expect(page.unusedFiles).toEqual([]);
});

test("what a page says of a block counts for that block", async () => {
  await use(`<!-- before: number = 6; -->${fenced("js", "console.log(number * 7)")}`);
  await use(`<!-- before each: number = 6; -->${fenced("js", "number;")}${fenced("js", "number;")}`);
  await expect(use(fenced("js", "number;"))).rejects.toThrow("number is not defined");
});

test("a block that never ends is an error of its page", () => {
  expect(() => blocksOf(`text\n${FENCE}js\nx`)).toThrow("line 2");
});

test.each([
  ["a file that there is not", "[a](nothing.md)"],
  ["a heading that there is not", "[a](README.md#nothing)"],
  ["a heading of the page itself", "# Here\n[a](#there)"],
  ["a picture that there is not", "![a](docs/nothing.png)"],
  ["a reference that there is not", "[a]: nothing.md"],
])("a link to %s is found", (_what, text) => {
  expect(brokenLinks("page.md", text)).toHaveLength(1);
});

test("links that lead somewhere are not complained about", () => {
  const text = "# What `it` is: a test\n[a](#what-it-is-a-test) [b](README.md) [c](https://example.com) `[d](nothing)`";
  expect(brokenLinks("page.md", text)).toEqual([]);
});
