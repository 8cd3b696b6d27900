/** Complains unless a program printed what the page shows. There, `…` stands for anything, and spaces for spaces. */
function holdAgainst(shown, printed) {
  const pattern = shown
    .trim()
    .split(/\s+/)
    .map((word) => word.split("…").map(escaped).join(".*?"))
    .join("\\s+");
  if (new RegExp(`^\\s*${pattern}\\s*$`, "s").test(printed)) return;
  throw new Error(`the page shows\n\n${shown}\nand the program printed\n\n${printed}`);
}

function escaped(text) {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

module.exports = { holdAgainst };
