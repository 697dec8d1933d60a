// Reads each message with the models that quicktype wrote for TypeScript, and writes it back.
//   node roundtrip.mjs NODE_MODULES MODELS.ts < {"Type": ["message", …], …}
// The compiler's own checks run first: a model that does not compile is none.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, models] = process.argv.slice(2);
const ts = createRequire(join(modules, "x.js"))("typescript");
const target = { strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, lib: ["lib.es2022.d.ts"], types: [] };
const faults = ts.getPreEmitDiagnostics(ts.createProgram([models], target));
if (faults.length) {
    console.error(faults.map((fault) => ts.flattenDiagnosticMessageText(fault.messageText, "\n")).join("\n"));
    process.exit(1);
}
const compiled = models.replace(/\.ts$/, ".mjs");
const wanted = { module: ts.ModuleKind.ES2022, target: ts.ScriptTarget.ES2022 };
writeFileSync(compiled, ts.transpileModule(readFileSync(models, "utf8"), { compilerOptions: wanted }).outputText);
const { Convert } = await import(pathToFileURL(compiled));
const written = {};
for (const [type, messages] of Object.entries(JSON.parse(readFileSync(0, "utf8")))) {
    const reader = Convert[`to${type}`];
    const writer = Convert[`${type[0].toLowerCase()}${type.slice(1)}ToJson`];
    written[type] = messages.map((message) => writer(reader(message)));
}
console.log(JSON.stringify(written));
