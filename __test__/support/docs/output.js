// What is another one in each run: sandboxes, requests, points in time, and how long things took.
const VARYING = [
  [/\bsb-[a-z0-9]{20}\b/g, "sb-ID"],
  [/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UUID"],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME"],
  [/\b(\d+h)?(\d+m)?\d+s\b/g, "DURATION"],
  [/\b\d+(\.\d+)? ms\b/g, "DURATION"],
];

/** Complains unless a program printed what the page shows. There, `…` stands for anything, and spaces for spaces. */
function holdAgainst(shown, printed) {
  const pattern = leveled(shown)
    .trim()
    .split(/\s+/)
    .map((word) => word.split("…").map(escaped).join(".*?"))
    .join("\\s+");
  if (new RegExp(`^\\s*${pattern}\\s*$`, "s").test(leveled(printed))) return;
  throw new Error(`the page shows\n\n${shown}\nand the program printed\n\n${printed}`);
}

function leveled(text) {
  return VARYING.reduce((so, [pattern, word]) => so.replace(pattern, word), text);
}

function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

module.exports = { holdAgainst };
