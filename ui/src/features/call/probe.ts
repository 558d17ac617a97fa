/** Whether this system shows pictures: asked of its decoder with a picture, since what it says of itself is not always so. */

/** A key frame of VP8, 32 × 32, all orange. */
const FRAME = 'EAMAnQEqIAAgAABHCIWFiIWEiAICAnWqA/gD+gIIWQy9AP73Rq//m+7i/HR/+b8P/uwp7pxn/+6wAA==';
const PATIENCE = 3000;

let asked: Promise<boolean> | undefined;

/** Asks once; the answer stays. */
export function canDecode(): Promise<boolean> {
  asked ??= probe();
  return asked;
}

async function probe(): Promise<boolean> {
  if (typeof VideoDecoder === 'undefined' || typeof EncodedVideoChunk === 'undefined') return false;
  let decoder: VideoDecoder | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  try {
    return await new Promise<boolean>((answer) => {
      timer = setTimeout(() => answer(false), PATIENCE);
      decoder = new VideoDecoder({
        output: (picture) => {
          answer(picture.codedWidth >= 32 && picture.codedHeight >= 32);
          picture.close();
        },
        error: () => answer(false),
      });
      decoder.configure({ codec: 'vp8', codedWidth: 32, codedHeight: 32, optimizeForLatency: true });
      decoder.decode(new EncodedVideoChunk({ type: 'key', timestamp: 0, data: bytes(FRAME) }));
      decoder.flush().catch(() => answer(false));
    });
  } catch (error) {
    console.warn('this system decodes no pictures', String(error));
    return false;
  } finally {
    clearTimeout(timer);
    if (decoder && decoder.state !== 'closed') decoder.close();
  }
}

export function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));
}
