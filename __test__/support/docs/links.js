const { existsSync, readFileSync } = require("node:fs");
const path = require("node:path");
const { ROOT } = require("../child.js");

const LINK = /\]\(([^)\s]+)\)|^\[[^\]]+\]: (\S+)|(?:src|href)="([^"]+)"/gm;

/** The links of a page, given by its path from the root, to files and headings that there are not. */
function brokenLinks(page, text) {
  const links = [...prose(text).matchAll(LINK)].map(([, inline, reference, html]) => inline ?? reference ?? html);
  return links.filter((link) => !/^(https?|mailto):/.test(link) && !leadsSomewhere(page, text, link));
}

function leadsSomewhere(page, text, link) {
  const [file, anchor] = link.split("#");
  const target = file === "" ? page : path.join(path.dirname(page), decodeURI(file));
  if (file !== "" && !existsSync(path.join(ROOT, target))) return false;
  if (anchor === undefined) return true;
  const there = file === "" ? text : readFileSync(path.join(ROOT, target), "utf8");
  return anchorsOf(there).has(anchor);
}

/** What GitHub calls the headings of a page. */
function anchorsOf(text) {
  const anchors = new Set();
  for (const [, heading] of prose(text, "keep").matchAll(/^#+ (.+)$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").toLowerCase();
    const anchor = words.replace(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
    let unique = anchor;
    for (let count = 1; anchors.has(unique); count += 1) unique = `${anchor}-${count}`;
    anchors.add(unique);
  }
  return anchors;
}

/** A page without its blocks, and without code between backticks unless that is kept. */
function prose(text, code) {
  const without = text.replace(/^([ \t]*)```[\s\S]*?^\1```/gm, "");
  return code === "keep" ? without : without.replace(/`[^`\n]*`/g, "");
}

module.exports = { brokenLinks };
