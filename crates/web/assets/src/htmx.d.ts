// What this console uses of htmx 4.
declare module "htmx.org" {
  interface Htmx {
    process(root: Element): void;
    swap(context: { text: string; target: Element; swap: string; sourceElement: Element }): Promise<void>;
    ajax(method: string, path: string, context: { target: string; swap: string; select?: string }): Promise<void>;
  }
  const htmx: Htmx;
  export default htmx;
}
