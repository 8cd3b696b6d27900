// How much is measured.

/** A whole run: about 25 minutes. */
const whole = {
  rounds: 5,
  warmUpMs: 500,
  measureMs: 1_000,
  inFlight: [1, 16, 64, 256, 1_000],
  creates: 10_000,
  imports: 60,
  readiness: { sandboxes: 2_000, rounds: 3 },
  engine: { creates: 200, fleets: [100, 1_000], records: 10_000 },
  files: { sizeMib: 1_024, files: 10_000 },
};

/** To see whether a change helps: about 5 minutes. */
const quick = {
  rounds: 3,
  warmUpMs: 200,
  measureMs: 400,
  inFlight: [1, 64, 1_000],
  creates: 10_000,
  imports: 15,
  readiness: { sandboxes: 2_000, rounds: 1 },
  engine: { creates: 40, fleets: [50], records: 500 },
  files: { sizeMib: 128, files: 1_000 },
};

/** To see that the harness works: a few seconds, and no figure means anything. */
const smoke = {
  rounds: 1,
  warmUpMs: 20,
  measureMs: 60,
  inFlight: [8],
  creates: 200,
  imports: 1,
};

export const amounts = { whole, quick, smoke };

/** This package first, as the others are compared with it; then the order of tables. */
export const contestants = ["sandbar", "undici", "fetch", "e2b", "daytona"];
/** Those that are packages of `bench/package.json`. */
export const packages = { undici: "undici", e2b: "e2b", daytona: "@daytonaio/sdk" };

export const smokeContestants = ["sandbar", "fetch"];
export const smokeParts = ["load", "protocols", "memory", "import"];
