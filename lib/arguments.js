"use strict";

const { ValidationError } = require("./errors.js");

// The native side reads an object with this one key as "a value that JSON can't hold", and names its kind to the user.
const FOREIGN_VALUE_KEY = "\u0000kind";

function foreign(kind) {
  return { [FOREIGN_VALUE_KEY]: kind };
}

/** The kind of a value that JSON would drop, turn into null or change; undefined for any other. */
function foreignKind(value) {
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? undefined : "text with half a surrogate pair";
    case "function":
    case "symbol":
    case "bigint":
      return `a ${typeof value}`;
    case "number":
      return Number.isFinite(value) ? undefined : String(value);
    case "object":
      return value === null || Array.isArray(value) ? undefined : builtInKind(value);
    default:
      return undefined;
  }
}

function builtInKind(object) {
  // Holds for objects of other realms too, where `instanceof` does not.
  const tag = Object.prototype.toString.call(object).slice(8, -1);
  // As of `import * as options`.
  if (tag === "Object" || tag === "Module") return undefined;
  return /^[AEIO]/.test(tag) ? `an ${tag}` : `a ${tag}`;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Whether text can be written as UTF-8. */
function isWellFormed(text) {
  return text.isWellFormed?.() ?? !LONE_SURROGATE.test(text);
}

/** How deep arguments go, at most: what contains itself goes deeper. */
const DEEPEST = 100;
/** How deep most of them go. */
const SHALLOW = 8;

/** Whether JSON holds all of a value as it is: most arguments, of which `plainOf` would make a copy for nothing. */
function isPlain(value, depth = 0) {
  switch (typeof value) {
    case "string":
      return isWellFormed(value);
    case "number":
      return Number.isFinite(value);
    case "boolean":
    case "undefined":
      return true;
    case "object":
      break;
    default:
      return false;
  }
  if (value === null) return true;
  if (depth === SHALLOW) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const name in value) if (!isWellFormed(name) || !isPlain(value[name], depth + 1)) return false;
  return true;
}

/** A copy that JSON holds as it is: with what objects inherit or compute, and the kind of what JSON would lose. */
function plainOf(value, depth = 0) {
  const kind = foreignKind(value);
  if (kind !== undefined) return foreign(kind);
  if (typeof value !== "object" || value === null) return value;
  if (depth === DEEPEST) throw new TypeError(`it is nested more than ${DEEPEST} levels deep`);
  if (Array.isArray(value)) return value.map((item) => plainOf(item, depth + 1));
  if (typeof value.toJSON === "function") return plainOf(value.toJSON(), depth + 1);
  const copy = flatCopy(value);
  for (const name of Object.keys(copy)) {
    if (!isWellFormed(name)) throw new TypeError("a property's name is text with half a surrogate pair");
    copy[name] = plainOf(copy[name], depth + 1);
  }
  return copy;
}

/** The properties of an object, each read once: its own, and those that its classes define or compute. */
function flatCopy(object) {
  if (isRoot(Object.getPrototypeOf(object))) return { ...object };
  const copy = Object.create(null);
  for (let level = object; !isRoot(level); level = Object.getPrototypeOf(level)) {
    for (const [name, { enumerable, get }] of Object.entries(Object.getOwnPropertyDescriptors(level))) {
      // Methods of a class are not enumerable, and no values.
      if (!(name in copy) && (enumerable || get)) copy[name] = object[name];
    }
  }
  return { ...copy };
}

/** Whether nothing of a user's is inherited from here: null, or the `Object.prototype` of some realm. */
function isRoot(object) {
  if (object === null) return true;
  return Object.getPrototypeOf(object) === null && Object.hasOwn(object, "isPrototypeOf");
}

/** The JSON text of a call's arguments. */
function encode(args) {
  try {
    return JSON.stringify(isPlain(args) ? args : plainOf(args));
  } catch (cause) {
    // A reference in a circle, or a getter or toJSON of the user's that throws.
    const message = "the options can't be written as JSON: pass plain values that do not contain themselves";
    throw refusal("options", message, cause);
  }
}

/** The error of an argument that can't cross to the native side, which judges all others. */
function refusal(field, message, cause) {
  return new ValidationError(message, { kind: "validation", field, retryable: false, attempts: 0, cause });
}

/** The kind of a value for people, as the native side names it. */
function kindOf(value) {
  if (value === undefined || value === null) return String(value);
  const kind = foreignKind(value);
  if (kind !== undefined) return kind;
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}

/** Keeps an argument that was left out from being dropped, so that the message can say what was found. */
function given(value) {
  return value === undefined ? foreign("undefined") : value;
}

/** Whether a value is an object of named values, and not one of its own kind, as an array, a Map or a Date. */
function isObject(value) {
  return typeof value === "object" && value !== null && foreignKind(value) === undefined && !Array.isArray(value);
}

/**
 * A user's options as a plain object, whose properties are read here and never again: before anything is split off. Options
 * of a wrong kind stay as they are, for the native side to refuse.
 */
function optionsOf(options) {
  if (!isObject(options)) return options;
  try {
    return flatCopy(options);
  } catch (cause) {
    throw refusal("options", "the options can't be read: one of their properties throws", cause);
  }
}

/** The options with one field more. */
function withField(options, name, value) {
  return options === undefined || isObject(options) ? { ...optionsOf(options), [name]: value } : options;
}

module.exports = { encode, given, isObject, isWellFormed, kindOf, optionsOf, refusal, withField };
