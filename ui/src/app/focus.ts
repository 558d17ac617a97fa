/** Whether this window has the person's attention. */
export function watchFocus(tell: (focused: boolean) => void): () => void {
  const changed = () => tell(document.hasFocus() && document.visibilityState === 'visible');
  window.addEventListener('focus', changed);
  window.addEventListener('blur', changed);
  document.addEventListener('visibilitychange', changed);
  changed();
  return () => {
    window.removeEventListener('focus', changed);
    window.removeEventListener('blur', changed);
    document.removeEventListener('visibilitychange', changed);
  };
}
