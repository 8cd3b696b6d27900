// Tables of rows that are objects, for the terminal and for Markdown.

/** With columns as wide as they need be. */
export function asText({ caption, rows }) {
  const lines = cells(rows);
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  return [caption, ...lines.map((line) => `  ${line.map(pad).join("  ").trimEnd()}`)].join("\n");
}

export function asMarkdown({ caption, rows }) {
  const [head, ...body] = cells(rows);
  const rule = head.map((_, column) => (column === 0 ? "---" : "---:"));
  return [`**${caption}**`, "", ...[head, rule, ...body].map((line) => `| ${line.join(" | ")} |`)].join("\n");
}

function cells(rows) {
  const columns = Object.keys(rows[0]);
  return [columns, ...rows.map((row) => columns.map((column) => `${row[column] ?? "–"}`))];
}
