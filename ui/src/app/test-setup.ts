/** What jsdom lacks and the components ask for. */
import '@testing-library/svelte/vitest';

class NothingObserver {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

globalThis.ResizeObserver ??= NothingObserver as unknown as typeof ResizeObserver;
Element.prototype.scrollIntoView ??= () => {};
Element.prototype.animate ??= (() => ({ cancel() {}, finished: Promise.resolve() })) as unknown as Element['animate'];
URL.createObjectURL ??= () => 'blob:test';
URL.revokeObjectURL ??= () => {};
