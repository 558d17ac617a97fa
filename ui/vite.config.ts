/** How the UI is built: mode "package" has the desktop seam alone, "bridge" adds the browser's, "fake" the in-memory one. */
import { fileURLToPath } from 'node:url';
import { paraglideVitePlugin } from '@inlang/paraglide-js';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig(({ mode }) => ({
  plugins: [
    svelte(),
    paraglideVitePlugin({
      project: './project.inlang',
      outdir: './src/i18n/paraglide',
      strategy: ['globalVariable', 'baseLocale'],
    }),
  ],
  define: {
    __BRIDGE__: JSON.stringify(mode === 'bridge' || mode === 'fake' || mode === 'test'),
    __FAKE__: JSON.stringify(mode === 'fake' || mode === 'test'),
  },
  resolve: {
    alias: { '~': fileURLToPath(new URL('./src', import.meta.url)) },
    conditions: mode === 'test' ? ['browser'] : undefined,
  },
  build: {
    target: 'safari18',
    outDir: mode === 'fake' ? 'dist-fake' : 'dist',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 900,
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.ts'],
    setupFiles: ['src/app/test-setup.ts'],
    restoreMocks: true,
  },
}));
