import { build } from "esbuild";

const options = { entryPoints: ["src/app.js"], bundle: true, platform: "node", format: "cjs" };

// As it is recommended: left out of the bundle.
const external = await build({ ...options, outfile: "dist/external.cjs", external: ["sandbar"] });

// In the bundle, with the addon as a file beside it.
const copied = await build({ ...options, outfile: "copied/app.cjs", loader: { ".node": "copy" } });

const messages = [external, copied].flatMap(({ errors, warnings }) => [...errors, ...warnings]);
if (messages.length > 0) throw new Error(JSON.stringify(messages));
