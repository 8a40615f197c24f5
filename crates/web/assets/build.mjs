// Bundles src into FOLDER/files, with a content hash in every name, and writes FOLDER/manifest.json (source name → built
// name): node build.mjs FOLDER
import { build } from "esbuild";
import { rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";

const folder = process.argv[2] ?? "dist";
await rm(folder, { recursive: true, force: true });
const result = await build({
  entryPoints: ["src/main.ts", "src/main.css", "src/icons.svg", "src/logo.svg"],
  outdir: join(folder, "files"),
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  metafile: true,
  target: ["es2022", "chrome123", "firefox120", "safari17.5"],
  loader: { ".svg": "copy" },
  legalComments: "none",
  logLevel: "warning",
});
const names = {};
for (const [path, output] of Object.entries(result.metafile.outputs)) {
  if (output.entryPoint) names[basename(output.entryPoint)] = basename(path);
}
await writeFile(join(folder, "manifest.json"), JSON.stringify(names, null, 2) + "\n");
