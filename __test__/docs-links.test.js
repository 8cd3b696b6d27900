const { readFileSync } = require("node:fs");
const path = require("node:path");
const { ROOT } = require("./support/child.js");
const { brokenLinks } = require("./support/docs/links.js");
const { pages } = require("./support/docs/pages.js");

test.each(pages())("the links of %s lead somewhere", (name) => {
  expect(brokenLinks(name, readFileSync(path.join(ROOT, name), "utf8"))).toEqual([]);
});

test("every page in docs is in its index", () => {
  const index = readFileSync(path.join(ROOT, "docs", "README.md"), "utf8");
  const inDocs = pages("docs").filter((name) => name !== "docs/README.md" && !name.startsWith("docs/decisions/"));
  expect(inDocs.filter((name) => !index.includes(`(${path.relative("docs", name)})`))).toEqual([]);
});
