/** Constants that the build decides. */
declare const __BRIDGE__: boolean;
declare const __FAKE__: boolean;
