#!/usr/bin/env node
// Builds the block of the project in the working folder: bundles `src/block.js` with esbuild, and makes a component of
// it with componentize-js. The result is `dist/<name>.wasm`, by the name in package.json; `dist/<name>.js` is the
// bundle, to whose lines the stack of an exception points.

import { cp, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** What a project may ask for in "features". The engine's `stdio` imports a filesystem, which no host offers. */
const FEATURES = ["http", "clocks", "random"];
const ENGINE_FEATURES = [...FEATURES, "stdio", "fetch-event"];
const PACKAGE = "blockyard:block";
const VERSION = "0.1.0";
const INTERFACE = /^blockyard:block\/([a-z-]+)@0\.1\.0$/;

const sdk = fileURLToPath(new URL(".", import.meta.url));

class BuildError extends Error {}

async function build(project) {
  const { name, entry, features } = await readProject(project);
  const { build: esbuild } = await tool(project, "esbuild");
  const { componentize } = await tool(project, "@bytecodealliance/componentize-js");
  const bundle = join(project, "dist", `${name}.js`);
  const interfaces = await bundleTo(bundle, { esbuild, project, entry, features });
  const wit = await world(interfaces);
  try {
    const { component } = await componentize({
      sourcePath: bundle,
      witPath: wit,
      worldName: "component",
      disableFeatures: ENGINE_FEATURES.filter((feature) => !features.includes(feature)),
    }).catch((error) => {
      throw new BuildError(error.message);
    });
    await writeFile(join(project, "dist", `${name}.wasm`), component);
    const megabytes = (component.length / 1e6).toFixed(1);
    const uses = [...interfaces, ...features.map((feature) => `${feature} (WASI)`)].join(", ") || "nothing";
    console.log(`dist/${name}.wasm: ${megabytes} MB, uses of the host: ${uses}`);
  } finally {
    await rm(wit, { recursive: true, force: true });
  }
}

async function readProject(project) {
  const text = await readFile(join(project, "package.json"), "utf8").catch(() => {
    throw new BuildError(`${project} has no package.json: run this in the block's folder`);
  });
  const { name, blockyard: { entry = "src/block.js", features = [] } = {} } = JSON.parse(text);
  const unknown = features.find((feature) => !FEATURES.includes(feature));
  if (unknown !== undefined) {
    throw new BuildError(`package.json: "${unknown}" is no feature; there are ${FEATURES.join(", ")}`);
  }
  return { name: name.split("/").at(-1), entry, features };
}

/** A build tool of the project, which pins its version. */
async function tool(project, name) {
  try {
    const require = createRequire(join(project, "package.json"));
    return await import(pathToFileURL(resolveImport(require, name)));
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
    throw new BuildError(`${name} is not installed: run \`npm ci\``);
  }
}

/** `require.resolve` alone does not find a package that only offers `import`. */
function resolveImport(require, name) {
  for (const folder of require.resolve.paths(name)) {
    try {
      const file = join(folder, name, "package.json");
      const { main, exports } = require(file);
      const target = exports?.["."] ?? exports;
      return join(folder, name, (typeof target === "string" ? target : target?.import) ?? main);
    } catch (error) {
      if (error.code !== "MODULE_NOT_FOUND") throw error;
    }
  }
  return require.resolve(name);
}

/** Returns the names of the host's interfaces that the bundle still imports after unused code is dropped. */
async function bundleTo(outfile, { esbuild, project, entry, features }) {
  const lines = [join(sdk, "lib", "prelude.js"), resolve(project, entry)].map((file) => JSON.stringify(file));
  const options = {
    stdin: { contents: `import ${lines[0]};\nexport { block } from ${lines[1]};\n`, resolveDir: project },
    absWorkingDir: project,
    outfile,
    charset: "utf8",
    bundle: true,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    mainFields: ["module", "main"],
    conditions: ["blockyard", "worker", "module"],
    define: { BLOCKYARD_FEATURES: JSON.stringify(features) },
    plugins: [hostInterfaces],
    metafile: true,
    logLevel: "silent",
  };
  const { metafile, warnings } = await esbuild(options).catch((error) => {
    throw new BuildError(error.errors?.map(readable).join("\n") || error.message);
  });
  for (const warning of warnings) console.error(readable(warning));
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports.map(({ path }) => path));
  return [...new Set(imports.map((path) => INTERFACE.exec(path)[1]))].sort();
}

const hostInterfaces = {
  name: "host-interfaces",
  setup(esbuild) {
    esbuild.onResolve({ filter: /^[a-z-]+:[a-z-]+\// }, ({ path }) =>
      INTERFACE.test(path)
        ? { path, external: true, sideEffects: false }
        : { errors: [{ text: `"${path}" is no interface of ${PACKAGE}@${VERSION}` }] },
    );
  },
};

function readable({ text, location }) {
  return location ? `${location.file}:${location.line}:${location.column}: ${text}` : text;
}

/** A folder with a world of exactly these imports: what a component does not use, it does not ask for. */
async function world(interfaces) {
  const folder = await mkdtemp(join(tmpdir(), "blockyard-wit-"));
  const dependency = join(folder, "deps", "block");
  await mkdir(dependency, { recursive: true });
  const source = await witFolder();
  for (const file of (await readdir(source)).filter((name) => name.endsWith(".wit"))) {
    await cp(join(source, file), join(dependency, file));
  }
  const imports = interfaces.map((name) => `  import ${PACKAGE}/${name}@${VERSION};\n`).join("");
  const text = `package blockyard:project;\n\nworld component {\n${imports}  export ${PACKAGE}/block@${VERSION};\n}\n`;
  await writeFile(join(folder, "world.wit"), text);
  return folder;
}

/** `wit` beside this file in a project, and at the root of the repository that the SDK comes from. */
async function witFolder() {
  for (const folder of [join(sdk, "wit"), join(sdk, "..", "..", "wit")]) {
    if (await stat(join(folder, "block.wit")).catch(() => undefined)) return folder;
  }
  throw new BuildError(`the WIT files of ${PACKAGE}@${VERSION} are not in ${join(sdk, "wit")}`);
}

try {
  await build(process.cwd());
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
