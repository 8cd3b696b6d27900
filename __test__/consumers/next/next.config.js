// `standalone` copies what the server needs, the addon as well, into a folder that runs without this one.
export default {
  output: "standalone",
  serverExternalPackages: process.env.IN_THE_BUNDLE ? [] : ["sandbar"],
};
