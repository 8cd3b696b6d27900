const path = require("node:path");
const ts = require("typescript");
const sandbar = require("..");
const { ROOT } = require("./support/child.js");

// And what Node.js and `instanceof` look for, which is no one's to call.
const INHERITED = new Set(["constructor", "name", Symbol.for("nodejs.util.inspect.custom"), Symbol.hasInstance]);

/** The classes, or interfaces, of a file of declarations, as {name: {statics, methods, properties}}. */
function declaredIn(name, isWanted) {
  const file = path.join(ROOT, name);
  const source = ts.createSourceFile(file, ts.sys.readFile(file), ts.ScriptTarget.Latest, true);
  const found = source.statements.filter(isWanted);
  return Object.fromEntries(found.map((node) => [node.name.text, membersOf(node)]));
}

function membersOf(node) {
  const named = node.members.filter((member) => member.name);
  const isStatic = (member) => ts.canHaveModifiers(member) && !!ts.getModifiers(member)?.some(isStaticKeyword);
  const names = (members) => [...new Set(members.map((member) => member.name.getText()))].sort();
  return {
    statics: names(named.filter(isStatic)),
    methods: names(named.filter((member) => !isStatic(member) && isMethodOf(member))),
    properties: names(named.filter((member) => !isStatic(member) && isPropertyOf(member))),
  };
}

function isMethodOf(member) {
  return ts.isMethodDeclaration(member) || ts.isMethodSignature(member);
}

function isPropertyOf(member) {
  return ts.isPropertyDeclaration(member) || ts.isPropertySignature(member);
}

function isStaticKeyword(modifier) {
  return modifier.kind === ts.SyntaxKind.StaticKeyword;
}

function own(object, isWanted) {
  const keys = Reflect.ownKeys(object).filter((key) => !INHERITED.has(key));
  return keys
    .filter((key) => isWanted(Object.getOwnPropertyDescriptor(object, key)))
    .map(nameOf)
    .sort();
}

/** What a prototype has of its own, and from a class of this package. */
function inherited(prototype, isWanted) {
  if (Object.getPrototypeOf(prototype) === null) return [];
  return [...new Set([...own(prototype, isWanted), ...inherited(Object.getPrototypeOf(prototype), isWanted)])].sort();
}

/** The name of a property as it is declared: `[Symbol.asyncDispose]` for a symbol. */
function nameOf(key) {
  // Its description is `nodejs.asyncDispose` where V8 does not have it itself.
  return typeof key === "symbol" ? `[Symbol.${key.description.split(".").at(-1)}]` : key;
}

const isMethod = ({ value }) => typeof value === "function";
const isGetter = ({ get }) => get !== undefined;

const declared = declaredIn("index.d.ts", ts.isClassDeclaration);

/** Classes of which nobody but a sandbox makes instances: they are declared as interfaces. */
const MODULES = [
  ["Commands", "commands"],
  ["CommandHandle", "commands"],
  ["Files", "files"],
  ["Git", "git"],
  ["Pty", "pty"],
  ["PtyHandle", "pty"],
];

test("every exported class is declared, and every declared one is exported", () => {
  expect(Object.keys(declared).sort()).toEqual(Object.keys(sandbar).sort());
});

test.each(Object.keys(declared))("the methods of %s are those that are declared", (name) => {
  const type = sandbar[name];
  expect(own(type, isMethod)).toEqual(declared[name].statics);
  expect(own(type.prototype, isMethod)).toEqual(declared[name].methods);
});

test.each(["Sandbox", "SandboxClient"])("the getters of %s are those that are declared", (name) => {
  expect(own(sandbar[name].prototype, isGetter)).toEqual(declared[name].properties);
});

test("an error's fields are those that are declared", () => {
  const details = Object.fromEntries(declared.SandboxError.properties.map((name) => [name, `the ${name}`]));
  const error = new sandbar.SandboxError("message", details);
  for (const name of declared.SandboxError.properties) expect(error[name]).toBe(`the ${name}`);
});

test("the classes have the declared parents", () => {
  const file = path.join(ROOT, "index.d.ts");
  const parents = [...ts.sys.readFile(file).matchAll(/export class (\w+) extends (\w+)/g)];
  expect(parents.length).toBeGreaterThan(10);
  for (const [, name, parent] of parents) {
    expect(Object.getPrototypeOf(sandbar[name])).toBe(sandbar[parent] ?? Error);
  }
});

test.each(MODULES)("the methods and getters of %s are those that are declared", (name, file) => {
  const { methods, properties } = declaredIn(`types/${file}.d.ts`, ts.isInterfaceDeclaration)[name];
  const { prototype } = require(`../lib/${file}.js`)[name];
  expect(inherited(prototype, isMethod)).toEqual(methods);
  expect(inherited(prototype, isGetter)).toEqual(properties);
});
