// In: a JSON list of Mermaid texts on stdin. Out: a JSON list of what Mermaid's own parser finds in each, or its error.
import { JSDOM } from "jsdom";

// Mermaid sanitizes labels by a browser's document.
globalThis.window = new JSDOM("<!doctype html><body></body>").window;
globalThis.document = window.document;
const { default: mermaid } = await import("mermaid");

async function parsed(text) {
  try {
    await mermaid.parse(text);
    const { type, db } = await mermaid.mermaidAPI.getDiagramFromText(text);
    const nodes = [...db.getVertices().values()].map(({ id, text, classes }) => ({ id, text, classes }));
    return { type, nodes, edges: db.getEdges().map(({ start, end }) => [start, end]) };
  } catch (error) {
    return { error: String(error) };
  }
}

const found = [];
for (const text of JSON.parse(await new Response(process.stdin).text())) found.push(await parsed(text));
console.log(JSON.stringify(found));
