const FENCE = /^(\s*)```+\s*(\S*)/;
const COMMENT = /<!--\s*(before each|before|output|answer)(?::\s*(.*?))?\s*-->/s;
const PROGRAMS = new Set(["js", "mjs", "ts"]);
const FILE = /^(?:\/\/|#) ([\w./-]+\.\w+)$/;

/**
 * The fenced blocks of a page, in order. What a comment above a block says of it is in `before` (code that runs first),
 * `isOutput` (what the block before prints) and `answer` (the schema of JSON).
 */
function blocksOf(text) {
  const lines = text.split("\n");
  const blocks = [];
  const forEach = [];
  let above = {};
  for (let index = 0; index < lines.length; index += 1) {
    if (lines[index].trimStart().startsWith("<!--")) {
      const end = lines.findIndex((line, at) => at >= index && line.includes("-->"));
      const [, word, value] = COMMENT.exec(lines.slice(index, end + 1).join("\n")) ?? [];
      if (word === "before each") forEach.push(value);
      else if (word !== undefined) above[word] = value ?? true;
      index = end;
      continue;
    }
    const fence = FENCE.exec(lines[index]);
    if (!fence) continue;
    const [, indent, language] = fence;
    const end = lines.findIndex((line, at) => at > index && line.startsWith(`${indent}\`\`\``));
    if (end === -1) throw new Error(`the block in line ${index + 1} has no end`);
    const code = lines.slice(index + 1, end).map((line) => line.slice(indent.length));
    blocks.push({
      line: index + 1,
      language,
      code: `${code.join("\n")}\n`,
      file: FILE.exec(code[0] ?? "")?.[1],
      before: [...(PROGRAMS.has(language) ? forEach : []), above.before ?? ""].join("\n"),
      isOutput: above.output === true,
      answer: above.answer,
    });
    above = {};
    index = end;
  }
  return blocks;
}

module.exports = { blocksOf };
