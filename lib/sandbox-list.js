"use strict";

const { optionsOf } = require("./arguments.js");
const { hide, sandboxInfo } = require("./answers.js");

const MAX_PAGE = 100;

// Who creates what matches for each that it gets would never come to an end.
const MAX_ROUNDS = 20;

/**
 * What list() gives back: awaited it is the first page, iterated it is every sandbox of every page.
 *
 * A promise that starts with its first `then`, so that nothing is sent for a list that nobody reads.
 */
class SandboxList extends Promise {
  #load;
  #first;

  constructor(load) {
    super(() => {});
    this.#load = load;
  }

  // then, catch and finally give back ordinary promises.
  static get [Symbol.species]() {
    return Promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: being awaited is what it is for.
  then(onFulfilled, onRejected) {
    this.#first ??= this.#load();
    return this.#first.then(onFulfilled, onRejected);
  }

  /** Pages are counted from the front: what is deleted meanwhile moves others out of sight, until they are read again. */
  async *[Symbol.asyncIterator]() {
    const known = new Set();
    let page = await this;
    for (let round = 1; round <= MAX_ROUNDS; round++) {
      const before = known.size;
      for await (const info of sandboxesFrom(page)) {
        if (known.has(info.sandboxId)) continue;
        known.add(info.sandboxId);
        yield info;
      }
      // A single page was there as a whole.
      if (!page.hasNext || known.size === before) return;
      page = await this.#load(MAX_PAGE);
    }
  }
}

async function* sandboxesFrom(page) {
  const tokens = new Set();
  yield* page;
  // One that was there before leads in a circle.
  while (page.hasNext && !tokens.has(page.nextToken)) {
    tokens.add(page.nextToken);
    page = await page.nextPage();
    yield* page;
  }
}

function listSandboxes(standard, given) {
  let known;
  return new SandboxList(async (limit) => {
    known ??= optionsOf(given);
    const options = limit === undefined ? known : { ...known, limit };
    return await loadPage(standard.route(options), options);
  });
}

async function loadPage(connection, options) {
  const { sandboxes, hasNext, nextToken } = await connection.request("list", { options });
  const nextPage = () => loadPage(connection, { ...options, nextToken });
  return pageOf(sandboxes.map(sandboxInfo), hasNext, nextToken ?? undefined, hasNext ? nextPage : emptyPage);
}

async function emptyPage() {
  return pageOf([], false, undefined, emptyPage);
}

function pageOf(infos, hasNext, nextToken, nextPage) {
  hide(infos, "hasNext", hasNext);
  hide(infos, "nextToken", nextToken);
  return hide(infos, "nextPage", nextPage);
}

module.exports = { listSandboxes };
