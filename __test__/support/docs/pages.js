const { readdirSync } = require("node:fs");
const path = require("node:path");
const { ROOT } = require("../child.js");

// Not ours, or projects of their own.
const LEFT_OUT = new Set(["node_modules", "target", "consumers", "results", "dist"]);

/** Every Markdown file of the repository, by its path from the root. */
function pages(folder = "") {
  return readdirSync(path.join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name.startsWith(".") || LEFT_OUT.has(entry.name) ? [] : pages(name);
    return entry.name.endsWith(".md") ? [name] : [];
  });
}

module.exports = { pages };
