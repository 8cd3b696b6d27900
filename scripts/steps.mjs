// The steps of a script: each is named before it begins, and its time is printed after it.

/**
 * Takes steps, one after the other.
 *
 * @param {[title: string, step: () => unknown][]} steps - One has failed if it gives back false; the others are taken nevertheless.
 * @returns {{ title: string, ok: boolean, time: string }[]}
 */
export function takeSteps(steps) {
  return steps.map(([title, step], index) => {
    const place = `[${index + 1}/${steps.length}]`;
    console.log(`\n${place} ${title}`);
    const start = performance.now();
    const ok = step() !== false;
    const time = inWords(performance.now() - start);
    console.log(`${place} ${ok ? "done" : "FAILED"} after ${time}`);
    return { title, ok, time };
  });
}

function inWords(ms) {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}
