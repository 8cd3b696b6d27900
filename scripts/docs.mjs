// The API references: of the packages into target/docs/api, and of the crates into target/doc. Nothing may lack its words.
import { bin, installDependencies, run } from "./tools.mjs";

installDependencies();
run(bin("typedoc"), []);
run("cargo", ["doc", "--workspace", "--no-deps"], { RUSTDOCFLAGS: "-D warnings -D missing_docs" });
console.log("\ntarget/docs/api/index.html, target/doc/sandbar_client/index.html");
