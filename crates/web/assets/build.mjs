// Bundles src into FOLDER/files, with a content hash in every name and each file once more as gzip, and writes
// FOLDER/manifest.json (source name → built name): node build.mjs FOLDER
import { build } from "esbuild";
import { readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { gzipSync } from "node:zlib";

const folder = process.argv[2] ?? "dist";
await rm(folder, { recursive: true, force: true });
const names = {};

/** The console's policy lets nobody write style attributes; styles set through an element's own interface are another matter.
 * The one place where xterm.js writes the attribute is put right here; should there be none any more, or another, this fails. */
const strictStyles = {
  name: "strict-styles",
  setup(builder) {
    builder.onLoad({ filter: /[/\\]@xterm[/\\]xterm[/\\]lib[/\\]xterm\.mjs$/ }, async ({ path }) => {
      const attribute = /(\w+)\.setAttribute\("style",`\$\{\1\.getAttribute\("style"\)\|\|""\}\$\{(\w+)\};`\)/g;
      let found = 0;
      const contents = (await readFile(path, "utf8")).replace(attribute, (_, element, style) => {
        found += 1;
        return `(${element}.style.cssText+=${style}+";")`;
      });
      if (found !== 1 || contents.includes('setAttribute("style"')) throw new Error(`${path} writes style attributes in a new way`);
      return { contents, loader: "js" };
    });
  },
};

/** Builds these sources, and remembers what they are called then. */
async function bundle(entryPoints, format) {
  const result = await build({
    entryPoints: entryPoints.map((name) => `src/${name}`),
    outdir: join(folder, "files"),
    entryNames: "[name]-[hash]",
    bundle: true,
    format,
    minify: true,
    metafile: true,
    target: ["es2022", "chrome123", "firefox120", "safari17.5"],
    loader: { ".svg": "copy" },
    // What others wrote is passed on with their names.
    legalComments: "eof",
    logLevel: "warning",
    plugins: [strictStyles],
  });
  for (const [path, output] of Object.entries(result.metafile.outputs)) {
    if (output.entryPoint) names[basename(output.entryPoint)] = basename(path);
    await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
  }
}

await bundle(["main.ts", "main.css", "terminal.css", "icons.svg", "logo.svg"]);
// Large, and loaded by a page only when a terminal is opened there: a module of its own.
await bundle(["terminal.ts"], "esm");
await writeFile(join(folder, "manifest.json"), JSON.stringify(names, null, 2) + "\n");
