import { defineConfig } from "vite";

const engine = process.env.SANDBAR_ENGINE ?? "http://127.0.0.1:7410";

export default defineConfig({
  root: import.meta.dirname,
  build: {
    // `light-dark()`, container queries and popovers are newer than this; what they need is not compiled away.
    target: "es2022",
    cssTarget: ["chrome123", "firefox121", "safari17.5"],
    // A data URL in a style sheet would need an exception in the policy for fonts and images.
    assetsInlineLimit: 0,
    reportCompressedSize: true,
  },
  // `SANDBAR_ENGINE=http://… npx vite dashboard` works on the page against a running engine.
  server: { host: "127.0.0.1", proxy: { "/api": engine, "/envd": engine } },
});
