// Writes models for every definition of the bundle, in each language asked for, by quicktype. One process for all.
//   node generate.mjs NODE_MODULES BUNDLE OUT LANGUAGE...
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [modules, bundle, out, ...languages] = process.argv.slice(2);
const { FetchingJSONSchemaStore, InputData, JSONSchemaInput, quicktypeMultiFile } = createRequire(join(modules, "x.js"))(
    "quicktype-core",
);

const options = {
    typescript: {},
    // Without Jackson's module for java.time, which Debian does not have.
    java: { package: "models", "datetime-provider": "legacy" },
    go: { package: "main" },
    csharp: { namespace: "Models" },
};

for (const language of languages) {
    const schema = new JSONSchemaInput(new FetchingJSONSchemaStore());
    await schema.addSource({ name: "", schema: readFileSync(bundle, "utf8"), uris: ["#/$defs/"] });
    const input = new InputData();
    input.addInput(schema);
    const files = await quicktypeMultiFile({
        inputData: input,
        lang: language,
        outputFilename: { typescript: "models.ts", java: "Models.java", go: "models.go", csharp: "Models.cs" }[language],
        rendererOptions: options[language],
        inferenceFlags: {},
    });
    mkdirSync(join(out, language), { recursive: true });
    for (const [name, { lines }] of files) {
        writeFileSync(join(out, language, name), lines.join("\n"));
    }
}
