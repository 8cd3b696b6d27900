"use strict";

const { optionsOf } = require("./arguments.js");
const { hide, sandboxInfo } = require("./answers.js");

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

  async *[Symbol.asyncIterator]() {
    let page = await this;
    yield* page;
    while (page.hasNext) {
      page = await page.nextPage();
      yield* page;
    }
  }
}

function listSandboxes(standard, given) {
  return new SandboxList(async () => {
    const options = optionsOf(given);
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
