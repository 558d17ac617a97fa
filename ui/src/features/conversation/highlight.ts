/** Colours for code, loaded when the first code block is shown; answers pieces of text, never markup. */
export interface Piece {
  text: string;
  /** The outermost word of highlight.js's scope: "keyword", "string", … */
  scope: string | null;
}

interface TokenNode {
  scope?: string;
  children: (TokenNode | string)[];
}

const LONGEST = 20_000;

export async function highlight(code: string, language: string | null): Promise<Piece[]> {
  if (!language || code.length > LONGEST) return [{ text: code, scope: null }];
  const { default: hljs } = await import('highlight.js/lib/common');
  if (!hljs.getLanguage(language)) return [{ text: code, scope: null }];
  const result = hljs.highlight(code, { language, ignoreIllegals: true });
  const root = (result._emitter as unknown as { rootNode: TokenNode }).rootNode;
  const pieces: Piece[] = [];
  collect(root, null, pieces);
  return pieces;
}

function collect(node: TokenNode, outer: string | null, pieces: Piece[]): void {
  const scope = node.scope?.split('.')[0] ?? outer;
  for (const child of node.children) {
    if (typeof child === 'string') pieces.push({ text: child, scope });
    else collect(child, scope, pieces);
  }
}
