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
      // Node.js 18 can't tell, and leaves it to the native side.
      return value.isWellFormed?.() === false ? "text with half a surrogate pair" : undefined;
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
  if (tag === "Object") return undefined;
  return /^[AEIO]/.test(tag) ? `an ${tag}` : `a ${tag}`;
}

function replacer(key, value) {
  // `value` went through toJSON already, which makes a string of a Date.
  const kind = foreignKind(this[key]);
  return kind === undefined ? value : foreign(kind);
}

/** How deep plain arguments go, at most: what contains itself goes deeper. */
const DEEPEST = 8;

/** Whether JSON holds all of a value as it is: most arguments, for which `JSON.stringify` is quicker without a replacer. */
function isPlain(value, depth = 0) {
  switch (typeof value) {
    case "string":
      return value.isWellFormed?.() === true;
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
  if (depth === DEEPEST) return false;
  if (Array.isArray(value)) return value.every((item) => isPlain(item, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const name in value) if (!isPlain(value[name], depth + 1)) return false;
  return true;
}

/** The JSON text of a call's arguments. */
function encode(args) {
  try {
    return isPlain(args) ? JSON.stringify(args) : JSON.stringify(args, replacer);
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

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The options with one field more; options of a wrong kind stay as they are, for the native side to refuse. */
function withField(options, name, value) {
  return options === undefined || isObject(options) ? { ...options, [name]: value } : options;
}

module.exports = { encode, given, isObject, kindOf, refusal, withField };
