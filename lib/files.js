"use strict";

const { dateOf } = require("./answers.js");
const { given, isObject, optionsOf, withField } = require("./arguments.js");
const { watchDir } = require("./dir-watch.js");
const { assertWritable, bytesOf, discard, isWhole, sourceOf } = require("./file-data.js");
const { openFile } = require("./file-stream.js");
const { sendFile } = require("./file-upload.js");
const { transfer } = require("./transfers.js");

/** Larger data goes in chunks: the native side then holds a few of them, and not a second copy of all. */
const MOST_AT_ONCE = 4 * 1024 * 1024;

class Files {
  #runtime;

  constructor(runtime) {
    this.#runtime = runtime;
  }

  async exists(path, options) {
    return await this.#runtime.call("fileExists", { path: given(path) }, options);
  }

  async getInfo(path, options) {
    return entryOf(await this.#runtime.call("fileInfo", { path: given(path) }, options));
  }

  async list(path, options) {
    const entries = await this.#runtime.call("listDir", { path: given(path) }, options);
    return entries.map(entryOf);
  }

  async makeDir(path, options) {
    return await this.#runtime.call("makeDir", { path: given(path) }, options);
  }

  async read(path, own) {
    const options = optionsOf(own);
    const args = { path: given(path) };
    switch (options?.format) {
      case "bytes":
        return await this.#readBytes(args, options);
      case "blob":
        return new Blob([await this.#readBytes(args, options)]);
      case "stream":
        return await openFile(this.#runtime, args, options);
      default:
        return await this.#runtime.call("readText", args, options);
    }
  }

  async write(path, data, options) {
    // write([{ path, data }]): several files.
    if (Array.isArray(path)) return await this.writeFiles(path, data);
    return await this.#writeOne({ path: given(path), data }, options);
  }

  async writeFiles(files, own) {
    const options = optionsOf(own);
    if (!Array.isArray(files)) return await this.#runtime.send("writeFiles", { files: given(files) }, options, []);
    const each = files.map(partsOf);
    for (const { data } of each) assertWritable(data);
    const small = each.filter(({ data }) => isWhole(data) && bytesOf(data).length <= MOST_AT_ONCE);
    const args = { files: small.map(({ file }) => file) };
    const infos = new Map();
    try {
      const written = await this.#runtime.send(
        "writeFiles",
        args,
        options,
        small.map(({ data }) => bytesOf(data)),
      );
      for (const [index, info] of written.entries()) infos.set(small[index], info);
      for (const one of each) {
        if (!infos.has(one)) infos.set(one, await this.#writeOne({ ...one.file, data: one.data }, options));
      }
    } catch (error) {
      for (const one of each) if (!infos.has(one)) discard(one.data, error);
      throw error;
    }
    return each.map((one) => infos.get(one));
  }

  async remove(path, options) {
    await this.#runtime.call("removeFile", { path: given(path) }, options);
  }

  async rename(oldPath, newPath, options) {
    const args = { oldPath: given(oldPath), newPath: given(newPath) };
    return entryOf(await this.#runtime.call("renameFile", args, options));
  }

  async edit(path, oldText, newText, options) {
    const args = { path: given(path), oldText: given(oldText), newText: given(newText) };
    await this.#runtime.call("editFile", args, options);
  }

  async watchDir(path, ...rest) {
    return await watchDir(this.#runtime, { path: given(path) }, ...rest);
  }

  async upload(localPath, remotePath, options) {
    const args = { localPath: given(localPath), remotePath: given(remotePath) };
    return await transfer(this.#runtime, "upload", args, options);
  }

  async download(remotePath, localPath, options) {
    const args = { remotePath: given(remotePath), localPath: given(localPath) };
    return await transfer(this.#runtime, "download", args, options);
  }

  async #readBytes(args, options) {
    return (await this.#runtime.fetch("readBytes", args, options)) ?? Buffer.alloc(0);
  }

  async #writeOne({ path, data, mode }, options) {
    const fields = mode === undefined ? options : withField(options, "mode", mode);
    if (isWhole(data)) {
      const bytes = bytesOf(data);
      if (bytes.length <= MOST_AT_ONCE) return await this.#runtime.send("writeBytes", { path }, fields, bytes);
    }
    const source = sourceOf(data);
    return await sendFile(this.#runtime, { path, size: source.size }, source, fields);
  }
}

/** A file of the user's, and its data apart; what is no file the native side refuses. */
function partsOf(one) {
  if (!isObject(one)) return { file: given(one), data: "" };
  const { data, content, ...file } = optionsOf(one);
  return { file, data: data ?? content };
}

function entryOf(raw) {
  return { ...raw, modifiedTime: dateOf(raw.modifiedTime) };
}

module.exports = { Files };
