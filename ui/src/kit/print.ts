/** Prints a plain text from a frame of its own, so that nothing else of the window is on the paper. */
export function printKit(title: string, text: string): Promise<void> {
  return new Promise((done) => {
    const frame = document.createElement('iframe');
    frame.className = 'unseen';
    frame.title = title;
    document.body.append(frame);
    const page = frame.contentDocument;
    const view = frame.contentWindow;
    if (!page || !view) {
      frame.remove();
      done();
      return;
    }
    page.title = title;
    const heading = page.createElement('h1');
    heading.textContent = title;
    const body = page.createElement('pre');
    body.textContent = text;
    body.style.whiteSpace = 'pre-wrap';
    page.body.append(heading, body);
    view.addEventListener('afterprint', () => setTimeout(() => frame.remove()));
    view.print();
    done();
  });
}
