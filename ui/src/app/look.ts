/** Theme and text size on the page; remembered so that the next start has them before the core answers. */
import type { Settings } from '~/backend/bindings/Settings';

type Look = Pick<Settings, 'theme' | 'text_size'>;
const KEY = 'hearth.look';

export function applyTheme(look: Look): void {
  const root = document.documentElement;
  if (look.theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = look.theme;
  root.style.fontSize = look.text_size === 100 ? '' : `${look.text_size}%`;
  try {
    localStorage.setItem(KEY, JSON.stringify({ theme: look.theme, text_size: look.text_size }));
  } catch {
    // Nothing is lost but a flash at the next start.
  }
}

export function rememberedLook(): Look {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Look>;
    const theme = kept.theme === 'light' || kept.theme === 'dark' ? kept.theme : 'system';
    const size = Number(kept.text_size);
    return { theme, text_size: size >= 85 && size <= 150 ? size : 100 };
  } catch {
    return { theme: 'system', text_size: 100 };
  }
}
