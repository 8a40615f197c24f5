// Bundles src into dist/files, with a content hash in every name, and writes dist/manifest.json (source name → built name).
import { build } from "esbuild";
import { rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";

await rm("dist", { recursive: true, force: true });
const result = await build({
  entryPoints: ["src/main.ts", "src/main.css", "src/icons.svg", "src/logo.svg"],
  outdir: "dist/files",
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
await writeFile("dist/manifest.json", JSON.stringify(names, null, 2) + "\n");
