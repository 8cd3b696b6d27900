const { readFileSync } = require("node:fs");
const path = require("node:path");
const { ROOT } = require("./support/child.js");
const { blocksOf } = require("./support/docs/blocks.js");
const { Page } = require("./support/docs/page.js");
const { pages } = require("./support/docs/pages.js");
const { realEngine } = require("./support/engine.js");

const engine = realEngine();

const PAGES = pages().map((name) => ({ name, blocks: blocksOf(readFileSync(path.join(ROOT, name), "utf8")) }));

describe.each(PAGES.filter(({ blocks }) => blocks.length > 0))("the code in $name", ({ name, blocks }) => {
  let page;

  beforeAll(async () => {
    page = await Page.open(name, engine);
  });

  afterAll(() => page?.close());

  test.each(blocks)("in line $line, $language, does what the page says", (block) => page.use(block), 60_000);

  test("is used where it is a file", () => {
    expect(page.unusedFiles).toEqual([]);
  });
});
