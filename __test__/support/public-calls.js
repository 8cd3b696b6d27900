const path = require("node:path");
const ts = require("typescript");
const { ROOT } = require("./child.js");

/** Arguments that can't be told from their types alone, by their names. */
const BY_NAME = {
  templateOrOptions: "base",
  template: "base",
  sandboxId: "sb-1",
  sandboxIds: ["sb-1"],
  count: 2,
  timeout: 60,
  port: 3000,
  path: "a",
  remotePath: "a",
  url: "https://example.com/a.git",
  ref: "main",
  signal: "SIGTERM",
  process: 7,
  context: "default",
  size: { cols: 80, rows: 24 },
  metadata: { owner: "test" },
  request: { port: 3000 },
};
/** Options that bound a call, and where it goes. */
const LIMITS = ["requestTimeoutMs", "readyTimeoutMs", "timeoutMs"];
const PLACE = ["baseUrl", "apiKey"];

/**
 * Every public call that may take time, out of `index.d.ts`: `{name, owner, obtain, member, parameters}`, where `obtain`
 * are the steps to what it is called on. One for each overload.
 */
function publicCalls() {
  const file = path.join(ROOT, "index.d.ts");
  const program = ts.createProgram([file], { strict: true, lib: ["lib.esnext.d.ts"], types: ["node"] });
  const checker = program.getTypeChecker();
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)));
  const found = [];
  const queue = [];
  const known = new Set();

  function reach(type, obtain) {
    const name = nameOf(type);
    if (name === undefined || known.has(name) || !isOurs(type)) return;
    known.add(name);
    queue.push({ type, name, obtain });
  }

  function collect(type, name, obtain, isStatic) {
    for (const property of checker.getPropertiesOfType(type)) {
      const declaration = property.declarations?.[0];
      if (declaration === undefined || !isOurFile(declaration)) continue;
      const member = memberName(property);
      const propertyType = checker.getTypeOfSymbol(property);
      const signatures = propertyType.getCallSignatures();
      if (signatures.length === 0 && !isStatic) reach(propertyType, [...obtain, { property: member }]);
      for (const [index, signature] of signatures.entries()) {
        const result = outcomeOf(signature.getReturnType());
        if (result === undefined) continue;
        const parameters = signature.getParameters().map((parameter) => parameterOf(parameter));
        const call = { member, isStatic, parameters, owner: name };
        const overload = signatures.length > 1 ? ` (${index + 1})` : "";
        // One that is not told where to go goes by the environment, by its default limits.
        if (isStatic && !signature.getParameters().some((parameter) => takesPlace(parameter))) continue;
        found.push({ name: `${name}${isStatic ? "." : "#"}${member}${overload}`, obtain, ...call });
        for (const type of result) reach(type, [...obtain, { call }]);
      }
    }
    // Declared by the types of the language: it is reading that takes time, and not a call.
    const member = "[Symbol.asyncIterator]";
    const isIterable = checker.getPropertiesOfType(type).some((property) => memberName(property) === member);
    if (!isStatic && isIterable && !found.some((call) => call.owner === name && call.member === member)) {
      found.push({ name: `${name}#${member}`, obtain, member, parameters: [], owner: name });
    }
  }

  /** What a call that may take time comes to; undefined for one that is done at once. */
  function outcomeOf(type) {
    const isPromise = type.getProperty("then") !== undefined;
    const properties = checker.getPropertiesOfType(type).map(memberName);
    const isHandle = isOurs(type) && properties.includes("stop");
    if (!isPromise && !isHandle && !properties.includes("[Symbol.asyncIterator]")) return undefined;
    const awaited = isPromise ? checker.getAwaitedType(type) : type;
    return (awaited.isUnion() ? awaited.types : [awaited]).flatMap((type) => [type, ...elementsOf(type)]);
  }

  function takesPlace(parameter) {
    const type = checker.getNonNullableType(checker.getTypeOfSymbol(parameter));
    return !type.isUnion() && type.getProperty(PLACE[0]) !== undefined;
  }

  function elementsOf(type) {
    return checker.isArrayType(type) ? checker.getTypeArguments(type) : [];
  }

  function parameterOf(symbol) {
    const isOptional = !!symbol.valueDeclaration?.questionToken;
    return { name: symbol.name, isOptional, sample: sampleOf(checker.getTypeOfSymbol(symbol), symbol.name) };
  }

  /** A value of a type: a function of the limit, the place and the signal of a call. */
  function sampleOf(type, name, depth = 0) {
    const some = checker.getNonNullableType(type);
    const alternatives = some.isUnion() ? some.types : [some];
    if (name in BY_NAME && (depth === 0 || name !== "signal")) return () => BY_NAME[name];
    if (name === "localPath") return ({ localPath }) => localPath;
    const literal = alternatives.find((one) => one.isLiteral() || one.flags & ts.TypeFlags.BooleanLiteral);
    if (alternatives.some((one) => one.flags & ts.TypeFlags.String)) return () => "a";
    if (literal !== undefined) return () => literal.value ?? checker.typeToString(literal) === "true";
    const [first] = alternatives;
    if (first.flags & ts.TypeFlags.Number) return () => 60;
    if (first.getCallSignatures().length > 0) return () => () => {};
    if (nameOf(first) === "AbortSignal") return ({ signal }) => signal;
    if (checker.isArrayType(first)) {
      const element = sampleOf(checker.getTypeArguments(first)[0], name, depth + 1);
      return (values) => [element(values)];
    }
    const fields = checker.getPropertiesOfType(first).filter((property) => isWanted(property));
    const samples = fields.map((field) => [field.name, fieldOf(field, depth)]);
    return (values) => Object.fromEntries(samples.map(([field, sample]) => [field, sample(values)]));
  }

  function isWanted(property) {
    const isOptional = !!(property.flags & ts.SymbolFlags.Optional);
    return !isOptional || LIMITS.includes(property.name) || PLACE.includes(property.name) || property.name === "signal";
  }

  function fieldOf(field, depth) {
    if (LIMITS.includes(field.name)) return ({ limit }) => limit;
    if (PLACE.includes(field.name)) return (values) => values[field.name];
    if (field.name === "signal") return ({ signal }) => signal;
    return sampleOf(checker.getTypeOfSymbol(field), field.name, depth + 1);
  }

  for (const symbol of exported.filter((symbol) => symbol.flags & ts.SymbolFlags.Class)) {
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    if (symbol.name === "SandboxClient") reach(type, [{ root: "client" }]);
    collect(checker.getTypeOfSymbol(symbol), symbol.name, [{ root: "exports" }, { property: symbol.name }], true);
  }
  while (queue.length > 0) {
    const { type, name, obtain } = queue.shift();
    collect(type, name, obtain, false);
  }
  return found;
}

function nameOf(type) {
  return (type.aliasSymbol ?? type.getSymbol())?.name;
}

function isOurs(type) {
  return !!type.getSymbol()?.declarations?.some(isOurFile) && !(type.flags & ts.TypeFlags.TypeParameter);
}

function isOurFile(declaration) {
  const { fileName } = declaration.getSourceFile();
  return fileName.startsWith(ROOT) && !fileName.includes("node_modules");
}

/** A member's name as it is written: symbols in brackets. */
function memberName(symbol) {
  const known = /^__@(\w+)@/.exec(symbol.escapedName);
  return known ? `[Symbol.${known[1]}]` : symbol.name;
}

module.exports = { publicCalls };
