/**
 * Lets xterm.js style itself under the Content-Security-Policy. It writes `<style>` elements and `style` attributes, which the
 * policy allows to nobody; constructed style sheets and the style object do the same and are allowed. xterm.js takes elements from
 * the page's document, also with `documentOverride`, so the document makes such elements from then on.
 */
export function installStrictStyles(): void {
  if (Object.hasOwn(document, "createElement")) return;
  const create = document.createElement.bind(document);
  document.createElement = (name: string, options?: ElementCreationOptions) => {
    if (name === "style") return sheetElement(create("span"));
    const element = create(name, options);
    return name === "span" ? withStyleObject(element) : element;
  };
}

/** Makes an element whose text is that of a constructed style sheet; the sheet goes with it. */
function sheetElement(element: HTMLElement): HTMLElement {
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets.push(sheet);
  element.hidden = true;
  Object.defineProperty(element, "textContent", { set: (text: string) => sheet.replaceSync(text) });
  element.remove = () => {
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    HTMLElement.prototype.remove.call(element);
  };
  return element;
}

function withStyleObject(element: HTMLElement): HTMLElement {
  element.setAttribute = (name, value) => {
    if (name === "style") element.style.cssText = value;
    else HTMLElement.prototype.setAttribute.call(element, name, value);
  };
  return element;
}
