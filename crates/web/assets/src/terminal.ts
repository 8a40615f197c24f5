// A terminal in a box: xterm.js, a WebSocket, and what goes between them. Loaded when one is opened, and by no other page.
import { FitAddon } from "@xterm/addon-fit";
import { type ITheme, Terminal } from "@xterm/xterm";

/** The most that is sent in one message; what somebody pastes is cut into such pieces. */
const PIECE = 16384;
/** Lines that can be scrolled back to. */
const LINES = 5000;

/** What the console says beside what is printed. */
type Told =
  | { event: "open"; container: string | null; name: string; renew: number | null }
  | { event: "renewed"; renew: number | null }
  | { event: "warning"; message: string }
  | { event: "end"; code?: number; message?: string; hint?: string | null };

export interface Wanted {
  box: HTMLElement;
  address: string;
  /** Whether what is printed is read out. */
  reader: boolean;
  /** Tells a person how it stands; `trouble` when it is no good news. */
  say(words: string, trouble: boolean): void;
  /** The terminal has ended, for whatever reason. */
  ended(): void;
  /** The person wants to leave it with the keyboard. */
  left(): void;
}

export interface Opened {
  /** Ends it; what it shows stays. */
  end(): void;
  /** Ends it and takes it off the page. */
  remove(): void;
  reader(on: boolean): void;
}

/** Opens a terminal in a box and connects it. */
export function open(wanted: Wanted): Opened {
  const terminal = new Terminal({
    screenReaderMode: wanted.reader,
    // What a program prints leads nowhere.
    linkHandler: { activate: () => undefined },
    scrollback: LINES,
    fontFamily: property("--mono"),
    fontSize: 13,
    minimumContrastRatio: 4.5,
    cursorBlink: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    theme: theme(),
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  wanted.box.replaceChildren();
  withOwnStyles(() => terminal.open(wanted.box));
  fit.fit();
  terminal.focus();
  terminal.attachCustomKeyEventHandler((event) => {
    if (event.key !== "F6" || !event.shiftKey) return true;
    event.preventDefault();
    if (event.type === "keydown") wanted.left();
    return false;
  });

  const watched = new ResizeObserver(() => fit.fit());
  watched.observe(wanted.box);
  const recolour = () => {
    terminal.options.theme = theme();
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", recolour);
  const themed = new MutationObserver(recolour);
  themed.observe(document.documentElement, { attributeFilter: ["data-theme"] });

  const connection = connect(terminal, wanted);
  return {
    end: connection.end,
    remove() {
      connection.end();
      watched.disconnect();
      themed.disconnect();
      dark.removeEventListener("change", recolour);
      terminal.dispose();
    },
    reader(on) {
      terminal.options.screenReaderMode = on;
    },
  };
}

function connect(terminal: Terminal, wanted: Wanted): { end: () => void } {
  const socket = new WebSocket(wanted.address);
  socket.binaryType = "arraybuffer";
  let over = false;
  let name = "";
  let due: ReturnType<typeof setTimeout> | undefined;
  let opened = false;
  const encoder = new TextEncoder();
  const tell = (words: object) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(words));
  };
  const type = (bytes: Uint8Array<ArrayBuffer>) => {
    if (socket.readyState !== WebSocket.OPEN) return;
    for (let at = 0; at < bytes.length; at += PIECE) socket.send(bytes.subarray(at, at + PIECE));
  };
  const end = (words: string, trouble: boolean) => {
    if (over) return;
    over = true;
    clearTimeout(due);
    socket.close();
    terminal.options.disableStdin = true;
    terminal.options.cursorBlink = false;
    wanted.say(words, trouble);
    wanted.ended();
  };
  /** Once the session has another credential, the terminal goes on with it: any request renews the session. */
  const renewIn = (seconds: number | null) => {
    if (seconds === null) return;
    const url = new URL(wanted.address);
    const place = `${url.pathname}/go-on?${new URLSearchParams({ name })}`;
    // When it fails, the terminal ends when its credential does, and says so.
    due = setTimeout(() => void fetch(place, { method: "POST" }).catch(() => undefined), (seconds + 1) * 1000);
  };
  terminal.onData((text) => type(encoder.encode(text)));
  terminal.onBinary((text) => type(Uint8Array.from(text, (character) => character.charCodeAt(0))));
  terminal.onResize(({ cols, rows }) => tell({ size: [cols, rows] }));
  socket.addEventListener("message", (event: MessageEvent<ArrayBuffer | string>) => {
    if (typeof event.data !== "string") {
      const bytes = new Uint8Array(event.data);
      // Said when it is on the screen: so the command waits for a page that does not keep up.
      terminal.write(bytes, () => tell({ taken: bytes.length }));
      return;
    }
    const told = JSON.parse(event.data) as Told;
    if (told.event === "open") {
      opened = true;
      name = told.name;
      renewIn(told.renew);
      tell({ size: [terminal.cols, terminal.rows] });
      wanted.say(told.container ? `Connected to the container ${told.container}.` : "Connected.", false);
    } else if (told.event === "renewed") {
      renewIn(told.renew);
    } else if (told.event === "warning") {
      wanted.say(told.message, true);
    } else if (told.code !== undefined) {
      end(`The command ended with exit code ${told.code}.`, told.code !== 0);
    } else {
      end([told.message, told.hint].filter((text) => text).map((text) => sentence(text ?? "")).join(" "), true);
    }
  });
  socket.addEventListener("close", () => {
    if (opened) end("The connection to the console was cut.", true);
    else end("The console did not open the terminal. Load the page again; you may have to sign in.", true);
  });
  wanted.say("Connecting.", false);
  return { end: () => end("Disconnected.", false) };
}

function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}

/** xterm.js puts style elements on the page, which the console's policy lets nobody do: here their text goes into style
 * sheets made by script, which come from nowhere but this script. */
function withOwnStyles(open: () => void): void {
  const make = document.createElement;
  document.createElement = ((name: string, options?: ElementCreationOptions) =>
    name === "style" ? styleElement(make) : make.call(document, name, options)) as typeof make;
  try {
    open();
  } finally {
    document.createElement = make;
  }
}

/** An element that stands for a style element: its text is a style sheet for as long as it is on the page. */
function styleElement(make: typeof document.createElement): HTMLElement {
  const element = make.call(document, "span");
  element.hidden = true;
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  let text = "";
  Object.defineProperty(element, "textContent", {
    get: () => text,
    set: (next: string) => {
      text = next;
      sheet.replaceSync(next);
    },
  });
  element.remove = () => {
    Element.prototype.remove.call(element);
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
  };
  return element;
}

/** The value of one of the console's own properties, as it is now. */
function property(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** A colour of the console as xterm.js reads it: light or dark is decided already. */
function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function theme(): ITheme {
  const [ground, ink, soft, faint] = ["--sunken", "--ink", "--ink-soft", "--ink-faint"].map(colour);
  const [red, green, yellow, blue, magenta, cyan] = [
    "--error",
    "--good",
    "--warning",
    "--progress",
    "--waiting",
    "--accent",
  ].map(colour);
  return {
    background: ground,
    foreground: ink,
    cursor: ink,
    cursorAccent: ground,
    selectionBackground: colour("--line-strong"),
    black: colour("--line-strong"),
    red,
    green,
    yellow,
    blue,
    magenta,
    cyan,
    white: soft,
    brightBlack: faint,
    brightRed: red,
    brightGreen: green,
    brightYellow: yellow,
    brightBlue: blue,
    brightMagenta: magenta,
    brightCyan: cyan,
    brightWhite: ink,
  };
}
