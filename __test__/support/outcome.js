/** The error that a call fails with. */
function errorOf(promise) {
  const succeeded = (value) => {
    throw new Error(`expected a failure, got ${JSON.stringify(value)?.slice(0, 500)}`);
  };
  return Promise.resolve(promise).then(succeeded, (error) => error);
}

/** Asks again and again until the answer is right; gives it back. */
async function until(probe, isRight, withinMs = 5_000) {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const answer = await probe();
    if (isRight(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(answer)} after ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

module.exports = { errorOf, until };
