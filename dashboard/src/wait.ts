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

/** Resolves once the page can be seen, or as soon as the signal says stop. */
export function untilShown(stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    function look() {
      if (document.hidden && !stop.aborted) return;
      document.removeEventListener("visibilitychange", look);
      stop.removeEventListener("abort", look);
      resolve();
    }
    document.addEventListener("visibilitychange", look);
    stop.addEventListener("abort", look);
    look();
  });
}

/** Calls back once the page was hidden for so many ms in one go; gives back what ends the watching. */
export function onceHiddenFor(ms: number, callback: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  function look() {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(callback, ms);
  }
  document.addEventListener("visibilitychange", look);
  look();
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
  };
}
