/** Starts the UI. */
import { mount } from 'svelte';
import App from './app/App.svelte';
import { applyTheme, rememberedLook } from './app/look';
import { connectBackend } from './backend';
import './styles/base.css';

const place = document.getElementById('app');
if (!place) throw new Error('the page has no place for the app');

applyTheme(rememberedLook());
window.addEventListener('contextmenu', (event) => {
  if (!(event.target as HTMLElement).closest('input, textarea, .selectable')) event.preventDefault();
});

connectBackend()
  .then((backend) => mount(App, { target: place, props: { backend } }))
  .catch((error: unknown) => {
    place.textContent = error instanceof Error ? error.message : String(error);
  });
