/** Hands the backend down to every screen. */
import { createContext } from 'svelte';
import type { Backend } from './types';

export const [getBackend, setBackend] = createContext<Backend>();
