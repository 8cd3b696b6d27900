/** Resolves after so many ms, or as soon as the signal says stop. */
export function wait(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    function done() {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      resolve();
    }
    const timer = setTimeout(done, ms);
    stop.addEventListener("abort", done);
  });
}
