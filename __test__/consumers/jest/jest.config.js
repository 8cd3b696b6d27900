/** @type {import("jest").Config} */
module.exports = { preset: "@sandbar/local/jest", maxWorkers: 2 };
