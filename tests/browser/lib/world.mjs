// Starts what the browser looks at: the demo, or the console on a real API server. Everything started is stopped by its id.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const built = process.env.PILOTHOUSE_BUILT ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug");
const kubectlPath = spawnSync(join(root, "scripts/kubectl-versions"), { encoding: "utf8" }).stdout.split("\n")[0];

/** A program whose first output that fits `pattern` is what it is started for. */
async function start(program, args, pattern, options = {}) {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...options.env } });
  let said = "";
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const found = new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error(`${program} did not get ready within two minutes:\n${said}`)), 120_000);
    const hear = (data) => {
      said += data;
      const match = said.match(pattern);
      if (match) {
        clearTimeout(deadline);
        resolve(match[1]);
      }
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", (data) => { said += data; });
    child.once("error", reject);
    ended.then((code) => {
      clearTimeout(deadline);
      reject(new Error(`${program} ended with ${code}:\n${said}`));
    });
  });
  // A program that waits for the end of its input cleans up after itself; others are asked to end.
  const stop = async () => {
    child.stdin.end();
    if (!options.endsWithInput) child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(late);
  };
  // It keeps its connections, and says nothing on them.
  const freeze = () => child.kill("SIGSTOP");
  const thaw = () => child.kill("SIGCONT");
  return { found: await found.catch(async (error) => { await stop(); throw error; }), stop, freeze, thaw };
}

const URL_PRINTED = /(http:\/\/\S+)\s/;

/** A world: the address to open, kubectl for its cluster, and how to end it. */
function world(url, kubeconfig, home, stops) {
  const kubectl = (...args) => {
    const input = typeof args.at(-1) === "object" ? JSON.stringify(args.pop()) : "";
    const done = spawnSync(kubectlPath, args, { input, encoding: "utf8", env: { ...process.env, KUBECONFIG: kubeconfig, HOME: home } });
    if (done.status !== 0) throw new Error(`kubectl ${args.join(" ")}: ${done.stderr}`);
    return done.stdout;
  };
  const stop = async () => {
    for (const one of stops) await one();
    rmSync(home, { recursive: true, force: true });
  };
  return { url, origin: new URL(url).origin, kubeconfig, kubectl, stop };
}

/** The demo on its embedded cluster. */
export async function demo({ seed = 7, speed = 4 } = {}) {
  const home = mkdtempSync(join(tmpdir(), "pilothouse-browser-"));
  const kubeconfig = join(home, "kubeconfig");
  const args = ["demo", "--seed", seed, "--speed", speed, "--listen", "127.0.0.1:0", "--no-open", "--kubeconfig-out", kubeconfig];
  const console = await start(join(built, "pilothouse"), args.map(String), URL_PRINTED);
  return world(console.found, kubeconfig, home, [console.stop]);
}

/** The console on a real API server, with the same story. */
export async function real() {
  const home = mkdtempSync(join(tmpdir(), "pilothouse-browser-"));
  const cluster = await start(join(built, "examples/real_cluster"), [], /(\S+\.kubeconfig)\s/, { endsWithInput: true });
  const args = ["serve", "--kubeconfig", cluster.found, "--listen", "127.0.0.1:0", "--no-open"];
  const console = await start(join(built, "pilothouse"), args, URL_PRINTED);
  return world(console.found, cluster.found, home, [console.stop, cluster.stop]);
}

/** The console on a real API server with a node that runs commands: in the pod `web` of the namespace `a`. */
export async function running() {
  const home = mkdtempSync(join(tmpdir(), "pilothouse-browser-"));
  const cluster = await start(join(built, "examples/running_cluster"), [], /(\S+\.kubeconfig)\s/, { endsWithInput: true });
  const args = ["serve", "--kubeconfig", cluster.found, "--listen", "127.0.0.1:0", "--no-open"];
  const console = await start(join(built, "pilothouse"), args, URL_PRINTED, { env: { HOME: home, XDG_STATE_HOME: home } });
  return world(console.found, cluster.found, home, [console.stop, cluster.stop]);
}

/** A console for many people on another world's cluster, and the token that its administrator signs in with. */
export async function shared(other) {
  const home = mkdtempSync(join(tmpdir(), "pilothouse-browser-"));
  const env = { HOME: home, XDG_STATE_HOME: home };
  const args = ["serve", "--shared", "--kubeconfig", other.kubeconfig, "--listen", "127.0.0.1:0"];
  const console = await start(join(built, "pilothouse"), args, URL_PRINTED, { env });
  const token = readFileSync(other.kubeconfig, "utf8").match(/token: *"?([^"\s]+)/)[1];
  return { ...world(console.found, other.kubeconfig, home, [console.stop]), token };
}

/** A console on several clusters: two that live, named east and west, and one that nobody answers for, named north. */
export async function several() {
  const [east, west] = await Promise.all([demo({ seed: 7 }), demo({ seed: 8 })]);
  const home = mkdtempSync(join(tmpdir(), "pilothouse-browser-"));
  const write = (name, text) => {
    writeFileSync(join(home, name), text.replaceAll("pilothouse-demo", name).replaceAll('"admin"', `"admin-of-${name}"`), { mode: 0o600 });
    return join(home, name);
  };
  const config = (of) => readFileSync(of.kubeconfig, "utf8");
  const dead = config(east).replace(/https:[^\s"]+/, "https://127.0.0.1:1");
  const files = [write("east", config(east)), write("west", config(west)), write("north", dead)];
  const args = ["serve", "--listen", "127.0.0.1:0", "--no-open"];
  const console = await start(join(built, "pilothouse"), args, URL_PRINTED, { env: { KUBECONFIG: files.join(":"), HOME: home } });
  return { ...world(console.found, files[0], home, [console.stop, east.stop, west.stop]), east, west };
}

/** A console on another world's cluster, over a wire that can be cut and mended. */
export async function wired(other) {
  const ends = new Set();
  let whole = true;
  const config = readFileSync(other.kubeconfig, "utf8");
  const server = new URL(config.match(/server: *"?([^"\s]+)/)[1]);
  const wire = createServer((near) => {
    if (!whole) return near.destroy();
    const far = connect(Number(server.port), server.hostname);
    for (const end of [near, far]) {
      ends.add(end);
      end.on("error", () => {});
      end.on("close", () => {
        ends.delete(end);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => wire.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    whole = false;
    for (const end of ends) end.destroy();
  };
  const mend = () => { whole = true; };
  const home = mkdtempSync(join(tmpdir(), "pilothouse-browser-"));
  const kubeconfig = join(home, "kubeconfig");
  writeFileSync(kubeconfig, config.replace(server.origin, `https://127.0.0.1:${wire.address().port}`), { mode: 0o600 });
  const console = await start(join(built, "pilothouse"), ["serve", "--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--no-open"], URL_PRINTED);
  const unplug = () => {
    cut();
    return new Promise((resolve) => wire.close(resolve));
  };
  const { freeze, thaw } = console;
  return { ...world(console.found, other.kubeconfig, home, [console.stop, unplug]), cut, mend, freeze, thaw };
}
