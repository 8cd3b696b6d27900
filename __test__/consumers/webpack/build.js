const path = require("node:path");
const webpack = require("webpack");

const options = {
  mode: "production",
  target: "node",
  entry: "./src/app.mjs",
  externals: { sandbar: "commonjs sandbar" },
  output: { path: path.join(__dirname, "dist"), filename: "app.js" },
};

webpack(options, (error, stats) => {
  if (error) throw error;
  if (stats.hasErrors() || stats.hasWarnings()) throw new Error(stats.toString());
});
