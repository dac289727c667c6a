// GitHub's parser imports JSON without an import attribute, which Node refuses: give it a module instead.
import { register } from "node:module";
import { readFile } from "node:fs/promises";

if (!import.meta.url.includes("?hook")) register(`${import.meta.url}?hook`);

export async function load(url, context, next) {
  if (!url.endsWith(".json")) return next(url, context);
  const source = `export default ${await readFile(new URL(url), "utf8")}`;
  return { format: "module", source, shortCircuit: true };
}
