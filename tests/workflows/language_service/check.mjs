// What GitHub's own parser says about workflows and actions.
//
// In:   on standard input {"folders": [...], "actions": {"owner/name@ref": {inputs, outputs}}, "variables": [...]}
// Out:  a JSON list of {path, message}
// Run:  node --import ./json-hook.mjs check.mjs
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { data, DescriptionDictionary } from "@actions/expressions";
import { registerLogger, validate } from "@actions/languageservice";
import { TextDocument } from "vscode-languageserver-textdocument";

const { folders, actions, variables } = JSON.parse(await text(process.stdin));
const found = [];
let reading;
const say = (message) => found.push({ path: reading, message });
// It logs what it stumbles over, and goes on as if all were well.
registerLogger({ error: say, warn: say, info: () => {}, log: () => {} });

const vars = new DescriptionDictionary(
  ...variables.map((key) => ({ key, value: new data.StringData("") })),
);

const config = (folder) => ({
  actionsMetadataProvider: {
    fetchActionMetadata: async ({ owner, name, ref }) => actions[`${owner}/${name}@${ref}`],
  },
  contextProviderConfig: {
    getContext: async (name, context) => (name === "vars" ? vars : context),
  },
  fileProvider: {
    getFileContent: async ({ path }) => ({ name: path, content: await readFile(join(folder, path), "utf8") }),
  },
});

for (const folder of folders) {
  const root = join(folder, ".github");
  for (const name of (await readdir(root, { recursive: true })).sort()) {
    if (!/^workflows\/[^/]+\.yml$|\/action\.yml$/.test(name)) continue;
    reading = join(root, name);
    const document = TextDocument.create(pathToFileURL(reading).href, "yaml", 1, await readFile(reading, "utf8"));
    for (const { message } of await validate(document, config(folder))) say(message);
  }
}
console.log(JSON.stringify(found));
