// What an import costs that brings nothing.
module.exports = {};
